"""Signs in to pgAdmin as a browser does and opens the preconfigured server without giving any password."""

import http.cookiejar
import json
import re
import sys
import urllib.error
import urllib.parse
import urllib.request


class PgAdminError(Exception):
    """pgAdmin refused something; the message says what."""


class _Browser:
    """One browser session: cookies, and the token against forged requests that pgAdmin's pages carry."""

    def __init__(self, base_url, timeout):
        self.base_url = base_url.rstrip('/')
        self.timeout = timeout
        self.token = ''
        cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(cookies)
        )

    def fetch(self, path, form=None):
        """Status, address after redirects, and body."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.base_url + path, data)
        request.add_header('X-pgA-CSRFToken', self.token)
        try:
            with self.opener.open(request, timeout=self.timeout) as answer:
                return answer.status, answer.url, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.url, error.read().decode(errors='replace')

    def json(self, path, form=None):
        """The data of an answer that must be a success."""
        status, _, body = self.fetch(path, form)
        if status != 200:
            raise PgAdminError(f'{path} answered {status}: {body[:500]}')
        answer = json.loads(body)
        if answer.get('success') == 0:
            raise PgAdminError(f'{path}: {answer.get("errormsg") or answer}')
        # The nodes of a server group come as `result`, everything else as `data`.
        return answer['result'] if answer.get('data') is None else answer['data']


def connect(base_url, email, password, server='blazing_sun', timeout=30):
    """Signs in, opens the server by its name, and returns what was found.

    `base_url` is pgAdmin's address with its path: `http://localhost:5050/pgadmin`. The answer holds `name`, `user`,
    `version` (the PostgreSQL server's number) and `databases` (their names). Raises PgAdminError where pgAdmin refuses the
    sign-in, asks for a password or a master password, or cannot reach the server.
    """
    browser = _Browser(base_url, timeout)
    _, _, page = browser.fetch('/login')
    found = re.search(r'"csrfToken": "([^"]+)"', page)
    if not found:
        raise PgAdminError('the sign-in page carries no token')
    form = {'email': email, 'password': password, 'csrf_token': found[1], 'internal_button': 'Login'}
    _, url, _ = browser.fetch('/authenticate/login', form)
    if '/login' in url:
        raise PgAdminError('the sign-in was refused')

    _, _, script = browser.fetch('/browser/js/utils.js')
    found = re.search(r"'csrf_token'\] = '([^']+)'", script)
    if not found:
        raise PgAdminError('the browser page carries no token')
    browser.token = found[1]

    # What the page asks first: would it show the dialog for a master password?
    if browser.json('/browser/master_password') is not True:
        raise PgAdminError('a master password is asked for')

    for group in browser.json('/browser/server_group/nodes/'):
        for node in browser.json(f'/browser/server/nodes/{group["_id"]}/'):
            if node['label'] == server:
                return _open(browser, group['_id'], node)
    raise PgAdminError(f'no server is called {server}')


def _open(browser, group, node):
    path = f'{group}/{node["_id"]}'
    opened = browser.json(f'/browser/server/connect/{path}', {})
    if not opened or not opened.get('connected'):
        raise PgAdminError(f'the server did not open: {opened}')
    databases = browser.json(f'/browser/database/nodes/{path}/')
    return {
        'name': node['label'],
        'user': opened['user']['name'],
        'version': opened['version'],
        'databases': sorted(database['label'] for database in databases),
    }


if __name__ == '__main__':
    # pgadmin_client.py BASE_URL EMAIL, the password on standard input (a password in an argument shows in `ps`).
    print(json.dumps(connect(sys.argv[1], sys.argv[2], sys.stdin.read().removesuffix('\n'))))
