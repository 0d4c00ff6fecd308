"""Grafana's dashboards: files that provisioning accepts, panels that say what they show, and queries that Prometheus understands
and answers with data; and the alerts' queries, as far as they name what is measured.

PROMTOOL      the command that checks rules, such as `promtool` or `docker run --rm -i --entrypoint promtool IMAGE`
PROMETHEUS_URL  a running stack's Prometheus; while people are at work (stack/load.py) each panel's query must bring data there
                within PROMETHEUS_WAIT seconds (300), all together
"""

import functools
import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

GRAFANA = pathlib.Path(__file__).resolve().parent.parent / 'grafana'
# What Grafana fills in itself, and the dashboards' own variables at "All".
VARIABLES = {'$__rate_interval': '1m', '$__interval': '15s', '$__range': '1h', '$instance': '.*'}
WANTED = {'overview', 'application', 'messaging', 'postgresql', 'rabbitmq', 'kafka', 'redis', 'nginx', 'host'}
# Of a screen of 1080 lines the browser and Grafana's own bars leave some 810; a unit of the grid takes 38 of them.
ONE_SCREEN = 21
# There is none until somebody makes a replication slot.
SERIES_WITHOUT_CAUSE = {'pg_replication_slot_slot_is_active'}


def dashboards():
    """File name and content of each dashboard."""
    return {path.name: json.loads(path.read_text()) for path in sorted((GRAFANA / 'dashboards').glob('*.json'))}


def panels(dashboard):
    """Every panel, those inside collapsed rows too."""
    for panel in dashboard['panels']:
        yield panel
        yield from panel.get('panels', [])


def panel_queries():
    """(dashboard, panel title, query) of each query of each panel, with the variables filled in."""
    for name, dashboard in dashboards().items():
        for panel in panels(dashboard):
            for target in panel.get('targets', []):
                query = target['expr']
                for variable, value in VARIABLES.items():
                    query = query.replace(variable, value)
                yield name, panel['title'], query


DASHBOARDS = list(dashboards().items())
QUERIES = list(panel_queries())


def test_there_are_dashboards_with_queries():
    assert {f'{name}.json' for name in WANTED} == set(dashboards())
    assert {name for name, _, _ in QUERIES} == set(dashboards())


@pytest.mark.parametrize(('name', 'dashboard'), DASHBOARDS)
def test_a_dashboard_has_the_classic_form(name, dashboard):
    # The v2 form has apiVersion, kind and spec, and file provisioning refuses it.
    assert not {'apiVersion', 'kind', 'spec', 'elements', 'layout'} & set(dashboard)
    assert 36 <= dashboard['schemaVersion'] <= 42
    assert 'id' not in dashboard, 'a database id of another Grafana'
    # A link that somebody has kept goes on working.
    assert f'{dashboard["uid"]}.json' == name
    assert dashboard['title'] and dashboard['description']


def test_titles_and_uids_are_unique():
    for key in ('uid', 'title'):
        values = [dashboard[key] for _, dashboard in DASHBOARDS]
        assert len(values) == len(set(values))


@pytest.mark.parametrize(('name', 'dashboard'), DASHBOARDS)
def test_panels_have_ids_of_their_own_and_do_not_overlap(name, dashboard):
    ids = [panel['id'] for panel in panels(dashboard)]
    assert len(ids) == len(set(ids))
    taken = {}
    for panel in dashboard['panels']:
        grid = panel['gridPos']
        assert grid['w'] > 0 and grid['h'] > 0 and grid['x'] >= 0 and grid['x'] + grid['w'] <= 24, panel['title']
        for x in range(grid['x'], grid['x'] + grid['w']):
            for y in range(grid['y'], grid['y'] + grid['h']):
                other = taken.setdefault((x, y), panel['title'])
                assert other is panel['title'], f'{panel["title"]} lies on {other}'


def test_overview_fits_one_screen_and_is_where_grafana_begins():
    panels_of_it = dashboards()['overview.json']['panels']
    assert max(panel['gridPos']['y'] + panel['gridPos']['h'] for panel in panels_of_it) <= ONE_SCREEN
    assert 'GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH=/etc/grafana/dashboards/overview.json' in (GRAFANA / 'Dockerfile').read_text()


def test_overview_has_the_golden_signals_the_state_of_everything_and_what_fires():
    queries = [query for name, _, query in QUERIES if name == 'overview.json']
    for part in ('http_requests_total', 'status=~"5.."', 'http_request_duration_seconds_bucket', 'postgres_pool_max_connections',
                 'dependency_up', 'min by (job) (up)', 'ALERTS{alertstate="firing"}', 'objective:budget_left:ratio'):
        assert any(part in query for query in queries), part


@pytest.mark.parametrize(('name', 'dashboard'), DASHBOARDS)
def test_every_panel_says_what_it_shows_and_from_where_on_it_is_bad(name, dashboard):
    for panel in panels(dashboard):
        if panel['type'] == 'row':
            continue
        title = panel['title']
        assert panel['description'].endswith('.'), title
        defaults = panel['fieldConfig']['defaults']
        assert defaults['unit'], title
        steps = defaults['thresholds']['steps']
        # The first has no lower end; the others go up.
        assert steps[0]['value'] is None, title
        bounds = [step['value'] for step in steps[1:]]
        assert bounds == sorted(set(bounds)), title


@pytest.mark.parametrize(('name', 'dashboard'), DASHBOARDS)
def test_every_dashboard_leads_to_the_others(name, dashboard):
    (link,) = dashboard['links']
    assert link['type'] == 'dashboards' and set(link['tags']) <= set(dashboard['tags']) and link['keepTime']
    uids = {other['uid'] for _, other in DASHBOARDS}
    for panel in panels(dashboard):
        for link in panel.get('links', []):
            assert link['url'].removeprefix('/d/') in uids - {dashboard['uid']}, panel['title']


@pytest.mark.parametrize(('name', 'dashboard'), DASHBOARDS)
def test_what_may_run_more_than_once_can_be_looked_at_alone(name, dashboard):
    variables = [variable['name'] for variable in dashboard['templating']['list']]
    assert variables == ([] if name == 'overview.json' else ['instance'])
    for panel in panels(dashboard):
        for target in panel.get('targets', []):
            assert '$instance' in target['expr'] or variables == [] or 'job="' in target['expr'] or 'objective:' in target['expr'], panel['title']


@pytest.mark.parametrize(('name', 'dashboard'), DASHBOARDS)
def test_every_query_names_the_provisioned_datasource(name, dashboard):
    provisioned = (GRAFANA / 'provisioning/datasources/prometheus.yml').read_text()
    uids = set(re.findall(r'^\s*uid: (\S+)$', provisioned, re.MULTILINE))
    for panel in panels(dashboard):
        if panel['type'] == 'row':
            continue
        assert panel['targets'], panel['title']
        letters = [target['refId'] for target in panel['targets']]
        assert len(letters) == len(set(letters)), panel['title']
        for holder in (panel, *panel['targets']):
            assert holder['datasource']['uid'] in uids, panel['title']
    for variable in dashboard['templating']['list']:
        assert variable['datasource']['uid'] in uids


@pytest.mark.parametrize(('name', 'dashboard'), DASHBOARDS)
def test_every_variable_is_one_the_tests_fill_in(name, dashboard):
    assert {'$' + variable['name'] for variable in dashboard['templating']['list']} <= set(VARIABLES)
    for _, title, query in QUERIES:
        assert '$' not in query, f'{title}: {query}'


def test_promtool_understands_every_query():
    command = os.environ.get('PROMTOOL') or pytest.skip('PROMTOOL is not set')
    rules = [{'record': f'panel:{number}', 'expr': query} for number, (_, _, query) in enumerate(QUERIES)]
    # JSON is YAML. Each query in a group of its own: a group may not hold the same rule twice.
    groups = {'groups': [{'name': rule['record'], 'rules': [rule]} for rule in rules]}
    checked = subprocess.run(
        [*shlex.split(command), 'check', 'rules', '--lint=none'],
        input=json.dumps(groups), text=True, capture_output=True, check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f'{len(QUERIES)} rules found' in checked.stdout


# ---- on a running stack ----


@pytest.fixture(scope='session')
def prometheus():
    return os.environ.get('PROMETHEUS_URL') or pytest.skip('PROMETHEUS_URL is not set')


def ask(prometheus, path, **parameters):
    """What Prometheus's interface answers; what it refuses is told as it says it."""
    url = f'{prometheus.rstrip("/")}/api/v1/{path}?' + urllib.parse.urlencode(parameters)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as response:
            return json.load(response)['data']
    except urllib.error.HTTPError as error:
        pytest.fail(f'{path} {parameters}: {error.code} {error.read().decode(errors="replace")[:500]}')


def answer(prometheus, query):
    """The values Prometheus gives now; a division of nothing by nothing (NaN) is no value."""
    result = ask(prometheus, 'query', query=query)['result']
    return [value for value in (float(series['value'][1]) for series in result) if not math.isnan(value)]


@pytest.fixture(scope='session')
def deadline(prometheus, stack):
    """People at work until the last query is answered. A rate needs two scrapes, and some of what is recorded needs minutes: a
    stack that just started is given this long, all queries together."""
    seconds = float(os.environ.get('PROMETHEUS_WAIT', '300'))
    site, catcher = (f'{scheme}://localhost:{stack.env(port)}' for scheme, port in (('https', 'HTTPS_PORT'), ('http', 'MAILPIT_PORT')))
    command = [sys.executable, str(stack.root / 'stack/load.py'), site, catcher, str(seconds + 60)]
    load = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    yield time.monotonic() + seconds
    broken = load.poll()
    load.kill()
    _, told = load.communicate(timeout=10)
    assert not broken, f'the people at work gave up: {told[-2000:]}'


@pytest.mark.parametrize(('name', 'title', 'query'), QUERIES)
def test_every_panel_shows_data_on_a_running_stack(name, title, query, prometheus, deadline):
    while not answer(prometheus, query):
        assert time.monotonic() < deadline, f'{name}, {title}: no data for {query}'
        time.sleep(1)


def parts(node):
    """Every part of a query that Prometheus has parsed."""
    if isinstance(node, dict):
        # (A matcher has a type too.)
        if 'type' in node and 'value' not in node:
            yield node
        for value in node.values():
            yield from parts(value)
    elif isinstance(node, list):
        for value in node:
            yield from parts(value)


@functools.cache
def labels(prometheus, metric, job):
    """The labels that the series of a metric have; none if there is no such metric."""
    match = f'{metric}{{job="{job}"}}' if job else metric
    return frozenset(ask(prometheus, 'labels', **{'match[]': match}))


def slips(prometheus, query):
    """What a query names and nobody measures. `... or vector(0)` has a value under any name, so names are looked at by themselves."""
    found = []
    parsed = ask(prometheus, 'parse_query', query=query)
    for part in parts(parsed):
        if part['type'] in ('vectorSelector', 'matrixSelector') and part['name'] not in SERIES_WITHOUT_CAUSE:
            (job, *_) = [m['value'] for m in part['matchers'] if m['name'] == 'job' and m['type'] == '='] or [None]
            known = labels(prometheus, part['name'], job)
            if not known:
                found.append(f'there is no metric {part["name"]}' + (f' of the job {job}' if job else ''))
            else:
                found += [f'{part["name"]} has no label {m["name"]}' for m in part['matchers'] if m['name'] not in known]
        if part['type'] == 'aggregation' and not part['without']:
            below = [p for p in parts(part['expr']) if p['type'] in ('vectorSelector', 'matrixSelector')]
            known = [labels(prometheus, p['name'], None) for p in below if p['name'] not in SERIES_WITHOUT_CAUSE]
            # What has no series was found already.
            if known and all(known):
                found += [f'nothing in {query} has the label {label}' for label in part['grouping'] if label not in frozenset().union(*known)]
    return found


@pytest.mark.parametrize(('name', 'title', 'query'), QUERIES)
def test_every_query_names_what_is_measured(name, title, query, prometheus, deadline):
    assert slips(prometheus, query) == [], f'{name}, {title}'


def test_a_name_that_nobody_measures_is_found(prometheus, deadline):
    assert slips(prometheus, 'sum(rate(http_request_total[1m])) or vector(0)') == ['there is no metric http_request_total']
    assert slips(prometheus, 'sum by (state) (up{jop="application"})') == [
        'nothing in sum by (state) (up{jop="application"}) has the label state', 'up has no label jop']
    assert slips(prometheus, 'max(up{job="nobody"}) or vector(0)') == ['there is no metric up of the job nobody']


def test_every_rule_is_evaluated_and_names_what_is_measured(prometheus, deadline):
    rules = [rule for group in ask(prometheus, 'rules')['groups'] for rule in group['rules']]
    assert len(rules) > 80
    assert [f'{rule["name"]}: {rule["lastError"]}' for rule in rules if rule['health'] == 'err'] == []
    assert [f'{rule["name"]}: {slip}' for rule in rules for slip in slips(prometheus, rule['query'])] == []
