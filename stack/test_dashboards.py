"""Grafana's dashboards: files that provisioning accepts, and queries that Prometheus understands and answers with data.

PROMTOOL      the command that checks rules, such as `promtool` or `docker run --rm -i --entrypoint promtool IMAGE`
PROMETHEUS_URL  a running stack's Prometheus; each panel's query must bring data there within PROMETHEUS_WAIT seconds (90)
"""

import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

GRAFANA = pathlib.Path(__file__).resolve().parent.parent / 'grafana'
# What Grafana fills in itself, and the dashboards' own variables at "All".
VARIABLES = {'$__rate_interval': '1m', '$__interval': '15s', '$__range': '1h', '$instance': '.*'}


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
    assert {'application.json', 'rabbitmq.json'} <= set(dashboards())
    assert {name for name, _, _ in QUERIES} == set(dashboards())


@pytest.mark.parametrize(('name', 'dashboard'), DASHBOARDS)
def test_a_dashboard_has_the_classic_form(name, dashboard):
    # The v2 form has apiVersion, kind and spec, and file provisioning refuses it.
    assert not {'apiVersion', 'kind', 'spec', 'elements', 'layout'} & set(dashboard)
    assert 36 <= dashboard['schemaVersion'] <= 42
    assert 'id' not in dashboard, 'a database id of another Grafana'
    assert re.fullmatch(r'[a-z0-9-]{1,40}', dashboard['uid'])
    assert dashboard['title']


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


def answer(prometheus, query):
    """The values Prometheus gives now; a division of nothing by nothing (NaN) is no value."""
    url = f'{prometheus.rstrip("/")}/api/v1/query?' + urllib.parse.urlencode({'query': query})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as response:
        result = json.load(response)['data']['result']
    return [value for value in (float(series['value'][1]) for series in result) if not math.isnan(value)]


@pytest.fixture(scope='session')
def deadline():
    """A rate needs two scrapes: a stack that just started is given this long, all queries together."""
    return time.monotonic() + float(os.environ.get('PROMETHEUS_WAIT', '90'))


@pytest.mark.parametrize(('name', 'title', 'query'), QUERIES)
def test_every_panel_shows_data_on_a_running_stack(name, title, query, deadline):
    prometheus = os.environ.get('PROMETHEUS_URL') or pytest.skip('PROMETHEUS_URL is not set')
    while not answer(prometheus, query):
        assert time.monotonic() < deadline, f'{name}, {title}: no data for {query}'
        time.sleep(1)
