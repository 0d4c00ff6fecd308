"""nginx in front of the application: TLS, redirects, limits, files, and an application that moves."""

import http.client
import json
import socket
import ssl
import threading
import time
import uuid

import pytest

from members import Member, mails, post, tokens
from services import logs, ready, redis, setting, site, wait_until_healthy

PUBLIC = "blazing_sun/storage/app/public"


def tls(stack, protocols=(), versions=None):
    """A TLS connection to nginx."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    if versions:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = versions
    plain = socket.create_connection(("localhost", int(setting(stack, "HTTPS_PORT"))), timeout=5)
    try:
        return context.wrap_socket(plain, server_hostname="localhost")
    except BaseException:
        plain.close()
        raise


def raw(stack, request):
    """The status and the rest of the answer to a request written by hand, which no library tidies up."""
    with tls(stack) as connection:
        connection.sendall(request.encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def get(stack, path, method="GET"):
    return raw(stack, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


def test_https_answers(stack):
    home = site(stack)
    assert home.status == 200 and "text/html" in home.headers["Content-Type"] and "Blazing Sun" in home.body
    answer = ready(stack)
    assert answer.status == 200 and answer.json()["status"] == "ready"
    assert set(answer.json()["dependencies"].values()) == {"up"}


def test_http_redirects_to_https_on_its_port(stack):
    base = f"http://localhost:{setting(stack, 'HTTP_PORT')}"
    answer = stack.http(f"{base}/a/page?with=a%20query")
    assert answer.status == 308
    assert answer.headers["Location"] == f"https://localhost:{setting(stack, 'HTTPS_PORT')}/a/page?with=a%20query"
    # A form stays a form.
    assert stack.http(f"{base}/", method="POST", data=b"x").status == 308


def test_the_acme_path_is_answered_over_plain_http(stack):
    answer = stack.http(f"http://localhost:{setting(stack, 'HTTP_PORT')}/.well-known/acme-challenge/no-such-token")
    assert answer.status == 404


def test_metrics_stay_inside(stack):
    for path in ("/metrics", "//metrics", "/%6detrics", "/./metrics", "/metrics/", "/x/../metrics"):
        status, _, body = get(stack, path)
        assert status == 404 and "# HELP" not in body, path
    inside = stack.exec("rust", "bash", "-c", 'exec 3<>/dev/tcp/127.0.0.1/$PORT; printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3')
    assert "# HELP" in inside.stdout


def test_answers_carry_the_security_headers_once(stack):
    for path in ("/", "/health", "/no/such/page", "/metrics"):
        headers = site(stack, path).headers
        for name, value in {
            "Strict-Transport-Security": "max-age=63072000", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
            "Cross-Origin-Opener-Policy": "same-origin",
        }.items():
            assert headers.get_all(name) == [value], (path, name)
        assert len(headers.get_all("Referrer-Policy")) == 1 and len(headers.get_all("Permissions-Policy")) == 1, path
        assert headers["Server"] == "nginx", "the version is nobody's business"
    assert "default-src" in site(stack).headers["Content-Security-Policy"]


def test_a_request_has_one_id_in_the_answer_and_in_both_logs(stack):
    answer = site(stack, "/no/such/page", headers={"X-Request-Id": "forged"})
    [request_id] = answer.headers.get_all("X-Request-Id")
    assert len(request_id) >= 32 and request_id != "forged"
    [line] = [line for line in logs(stack, "nginx").splitlines() if request_id in line]
    assert json.loads(line)["status"] == 404
    stack.wait_for("the application's log line", lambda: request_id in logs(stack, "rust"), 5)


def test_a_trace_that_a_client_has_begun_goes_on_in_the_application(stack):
    trace = uuid.uuid4().hex
    answer = site(stack, "/no/such/page", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-00"})
    request_id = answer.headers["X-Request-Id"]
    lines = lambda: [line for line in logs(stack, "rust").splitlines() if request_id in line and trace in line]
    stack.wait_for("the application's log line with both", lines, 5)


def test_no_query_string_is_logged(stack):
    site(stack, "/?token=do-not-log-me")
    assert "do-not-log-me" not in logs(stack, "nginx")


@pytest.fixture
def public(stack):
    """The folder of public uploads, emptied of what the test put there."""
    folder = stack.root / PUBLIC
    before = set(folder.iterdir())
    yield folder
    for path in set(folder.iterdir()) - before:
        if path.is_dir():
            for inner in path.iterdir():
                inner.unlink()
            path.rmdir()
        else:
            path.unlink()


def write(path, text="content"):
    path.parent.mkdir(exist_ok=True)
    path.parent.chmod(0o755)
    path.write_text(text)
    path.chmod(0o644)


def test_storage_serves_files_of_the_allowed_kinds(stack, public):
    for name, kind in {"a note.txt": "text/plain", "sub/photo.JPG": "image/jpeg", "report.pdf": "application/pdf"}.items():
        write(public / name)
        answer = site(stack, "/storage/" + name.replace(" ", "%20"))
        assert (answer.status, answer.body) == (200, "content"), name
        assert answer.headers.get_content_type() == kind
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"]


def test_storage_refuses_every_other_kind_of_file(stack, public):
    for name in ("page.html", "image.svg", "script.js", "shell.php", "noextension", "photo.jpg.html", ".hidden"):
        write(public / name)
        assert site(stack, f"/storage/{name}").status == 404, name
    assert site(stack, "/storage/").status == 404
    assert site(stack, "/storage").status == 404


def test_storage_can_only_be_read(stack, public):
    write(public / "note.txt")
    for method in ("POST", "PUT", "DELETE"):
        answer = site(stack, "/storage/note.txt", method=method, data=b"x" if method != "DELETE" else None)
        assert answer.status in (403, 405), method
    assert (public / "note.txt").read_text() == "content"
    assert site(stack, "/storage/note.txt", method="HEAD").status == 200


def test_storage_ends_at_its_folder(stack, public):
    private = stack.root / "blazing_sun/storage/app/private/secret.txt"
    write(private, "private")
    (public / "link.txt").symlink_to("/etc/passwd")
    (public / "up.txt").symlink_to("../private/secret.txt")
    try:
        for path in (
            "/storage/../private/secret.txt", "/storage/..%2fprivate%2fsecret.txt", "/storage/%2e%2e/%2e%2e/%2e%2e/etc/passwd.txt",
            "/storage//etc/passwd.txt", "/storage../nginx.txt", "/storage/....//private/secret.txt", "/storage/link.txt", "/storage/up.txt",
            "/storage/%00.txt",
        ):
            status, _, body = get(stack, path)
            assert status in (400, 403, 404), path
            assert "root:" not in body and "private" not in body, path
    finally:
        private.unlink()


def head_only(stack, path, size):
    """The answer to a POST that announces a body of a size; what nginx makes of the announcement, before any of it is sent."""
    with tls(stack) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response, response.read().decode()


def test_a_body_that_is_too_large_is_refused_as_a_problem(stack):
    limit = int(setting(stack, "HTTP_MAX_BODY_BYTES"))
    response, body = head_only(stack, "/", limit + 1)
    assert response.status == 413 and response.headers.get_content_type() == "application/problem+json"
    assert json.loads(body)["status"] == 413 and str(limit) in json.loads(body)["detail"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_application_takes_bodies_as_large_as_nginx_lets_through(stack):
    limit = int(setting(stack, "HTTP_MAX_BODY_BYTES"))
    assert site(stack, "/", method="POST", data=b"x" * limit, timeout=30).status != 413
    effective = stack.exec("rust", "blazing_sun", "doctor", check=False).stdout
    [line] = [line for line in effective.splitlines() if "MAX_BODY_BYTES" in line]
    assert str(limit) in line


@pytest.fixture
def patience(stack):
    """Lets later tests sign in, after one that asked all the time."""
    yield
    for key in redis(stack, "--scan", "--pattern", "throttle:*").split():
        redis(stack, "DEL", key)
    # nginx gives back 20 requests a second of 100, and 5 of the 20 that try something.
    time.sleep(5)


def test_a_burst_is_told_to_wait(stack, patience):
    with tls(stack) as connection:
        # One connection, so that the requests follow each other faster than any limit allows.
        client = http.client.HTTPSConnection("localhost")
        client.sock = connection
        refused = None
        for _ in range(400):
            client.request("GET", "/health/live", headers={"Host": "localhost"})
            response = client.getresponse()
            body = response.read()
            if response.status == 429:
                refused = response, json.loads(body)
                break
            assert response.status == 200
    assert refused, "400 requests in a row and none was refused"
    response, problem = refused
    assert response.headers["Retry-After"] == "1" and response.headers.get_content_type() == "application/problem+json"
    assert problem["status"] == 429
    # As promised: a client that waits a second is answered again.
    stack.wait_for("an answer after the wait", lambda: site(stack, "/health/live").status == 200, 3)


def test_a_flood_of_sign_ins_is_told_to_wait_sooner(stack, patience):
    with tls(stack) as connection:
        client = http.client.HTTPSConnection("localhost")
        client.sock = connection

        def answers(method, path, count):
            for number in range(count):
                # Whoever says to come from elsewhere is counted all the same.
                elsewhere = f"203.0.113.{number}"
                client.request(method, path, body="x", headers={"Host": "localhost", "X-Forwarded-For": elsewhere, "X-Real-IP": elsewhere})
                response = client.getresponse()
                response.read()
                yield response.status, response.headers.get_all("Retry-After")

        # The pages themselves are read as often as any other.
        assert {status for status, _ in answers("GET", "/sign-in", 40)} == {200}
        for path in ("/sign-in", "/api/v1/auth/activate"):
            refused = [times for status, times in answers("POST", path, 60) if status == 429]
            assert refused and refused[0] == ["1"], path


# ---- what a client says of itself -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def member(stack):
    return Member(stack)


def addresses(stack, cookie):
    """The addresses from which somebody's sessions were begun, as the application believes."""
    return [session["address"] for session in site(stack, "/api/v1/sessions", headers={"Cookie": cookie}).json()["sessions"]]


def claims(address):
    return {"X-Real-IP": address, "X-Forwarded-For": address, "Forwarded": f"for={address}", "X-Client-IP": address, "True-Client-IP": address}


def test_a_forwarded_address_from_outside_is_not_believed(stack, member):
    cookie = member.sign_in(claims("203.0.113.9"))
    seen = site(stack, "/api/v1/sessions", headers={"Cookie": cookie})
    (line,) = stack.wait_for("nginx's log line", lambda: [l for l in logs(stack, "nginx").splitlines() if seen.headers["X-Request-Id"] in l], 5)
    assert set(addresses(stack, cookie)) == {json.loads(line)["client"]}, "the address that nginx sees"


def test_who_reaches_the_application_past_nginx_is_not_believed_either(stack, member):
    direct = f"http://localhost:{setting(stack, 'DEV_APP_PORT')}/api/v1"
    signed_in = stack.http(f"{direct}/auth/sign-in", method="POST", headers={"Content-Type": "application/json", **claims("203.0.113.9")},
                           data=json.dumps({"email": member.address, "password": member.password}).encode())
    assert signed_in.status == 200
    assert "203.0.113.9" not in addresses(stack, member.sign_in())


def test_guessing_from_one_address_cannot_pass_for_guessing_from_many(stack, patience):
    for number in range(120):
        body = {"email": f"{uuid.uuid4().hex}@example.org", "password": "not the password"}
        answer = post(stack, "/api/v1/auth/sign-in", body, claims(f"203.0.113.{number}"))
        if answer.status == 429 and "Too many attempts" in answer.body:
            break
        if answer.status == 429:
            # nginx, which counts coarsely, was first.
            time.sleep(0.3)
        else:
            assert answer.status == 401
    else:
        pytest.fail("120 guesses at as many accounts, and none was refused")
    assert len(answer.headers.get_all("Retry-After")) == 1


def test_a_site_that_this_is_not_is_not_served(stack):
    for head in (
        "GET / HTTP/1.1\r\nHost: evil.example", "GET https://evil.example/ HTTP/1.1\r\nHost: localhost", "GET / HTTP/1.1\r\nHost: localhost.evil.example",
        "POST /api/v1/auth/sign-up HTTP/1.1\r\nHost: evil.example", "GET / HTTP/1.0",
    ):
        status, _, body = raw(stack, f"{head}\r\nConnection: close\r\n\r\n")
        assert status == 421 and json.loads(body)["type"] == "/problems/misdirected_request" and "evil" not in body, head
    for host in ("localhost", "LOCALHOST", "localhost:1", "127.0.0.1", "[::1]"):
        assert raw(stack, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")[0] == 200, host


def test_plain_http_leads_to_this_site_whatever_it_asked_for(stack):
    site_of_ours = f"https://localhost:{setting(stack, 'HTTPS_PORT')}"
    for path, host in {"/x": "evil.example", "//evil.example/x": "localhost", "http://evil.example/x": "evil.example", "/%0d%0aX:y": "localhost"}.items():
        with socket.create_connection(("localhost", int(setting(stack, "HTTP_PORT"))), timeout=5) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == 308 and response.headers["X"] is None
            assert response.headers["Location"].startswith(f"{site_of_ours}/"), path


OTHER_SITE = {
    "Host": "localhost:6666", "X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example", "X-Forwarded-Port": "6666",
    "X-Forwarded-Proto": "http", "X-Forwarded-Prefix": "/evil", "Forwarded": "host=evil.example;proto=http", "X-Original-URL": "/evil", "X-Rewrite-URL": "/evil",
}


def test_no_page_and_no_redirect_names_another_site(stack):
    for path in ("/", "/sign-in", "/sign-up", "/profile", "/profile/sessions", "/docs", "/grafana", "/no/such/page", "/api/v1/openapi.json"):
        answer = site(stack, path, headers={**OTHER_SITE, "Accept": "text/html"})
        text = f"{answer.headers}{answer.body}"
        assert "evil" not in text and "6666" not in text, path
        assert not answer.headers.get("Location", "/").startswith(("http", "//")), "to a path of this site"


def test_no_mail_names_another_site(stack):
    address = f"{uuid.uuid4().hex}@example.org"
    assert post(stack, "/api/v1/auth/sign-up", {"email": address, "password": "correct horse battery"}, OTHER_SITE).status == 202
    (text,) = stack.wait_for("the mail", lambda: mails(stack, address))
    assert f"{stack.env('APP_URL')}/activate?token={tokens(text)[0]}" in text
    assert "evil" not in text and "6666" not in text


def test_http_2_is_offered(stack):
    with tls(stack, ["h2", "http/1.1"]) as connection:
        assert connection.selected_alpn_protocol() == "h2"
        assert connection.version() == "TLSv1.3"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(stack):
    with tls(stack, versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)) as connection:
        assert connection.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError) as refused:
        tls(stack, versions=(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1))
    assert "ALERT_PROTOCOL_VERSION" in str(refused.value), "the server must have refused, not this client"


class Asking:
    """Asks the site all the time, and notes when it was answered what."""

    def __init__(self, stack):
        self.stack, self.answers, self.ended = stack, [], threading.Event()
        self.thread = threading.Thread(target=self.ask, daemon=True)

    def ask(self):
        while not self.ended.wait(0.1):
            try:
                status = site(self.stack, "/health/live", timeout=5).status
            except OSError as error:
                status = str(error)
            self.answers.append((time.monotonic(), status))

    def __enter__(self):
        setting(self.stack, "HTTPS_PORT")
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join(timeout=10)

    def after(self, moment):
        return [(round(at - moment, 1), status) for at, status in self.answers if at >= moment]


def test_an_application_at_another_address_is_found_within_a_second(stack):
    home = setting(stack, "RUST_IP")
    elsewhere = home.rsplit(".", 1)[0] + ".20"

    def move_to(address):
        stack.set(RUST_IP=address)
        with Asking(stack) as asking:
            stack.compose("up", "-d", "--no-deps", "--wait", "rust", timeout=300)
            healthy = time.monotonic()
            stack.wait_for("four more seconds of answers", lambda: asking.answers[-1][0] > healthy + 4, 10)
        [network] = stack.inspect("rust")["NetworkSettings"]["Networks"].values()
        assert network["IPAddress"] == address
        assert {status for _, status in asking.answers} <= {200, 503}, "while it was away"
        return [answer for answer in asking.after(healthy + 1) if answer[1] != 200]

    try:
        late = move_to(elsewhere)
    finally:
        late_again = move_to(home)
        wait_until_healthy(stack, "nginx")
    assert late == [] and late_again == []


def test_an_absent_application_is_a_problem_with_retry_after(stack):
    container = stack.container("rust")
    stack.run("docker", "kill", container)
    try:
        answer = site(stack)
        assert answer.status == 503 and answer.headers.get_content_type() == "application/problem+json"
        assert answer.headers["Retry-After"] and answer.headers["Strict-Transport-Security"]
        # nginx itself is well, and says so.
        assert stack.check_health("nginx").returncode == 0
    finally:
        stack.run("docker", "start", container)
        wait_until_healthy(stack, "rust")
