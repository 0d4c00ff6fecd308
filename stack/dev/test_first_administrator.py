"""The account that `./sun up` prints in development: it is there, and its owner decides."""

import json


def test_the_first_administrator_of_the_example_signs_in(stack):
    body = {"email": stack.env("ADMIN_EMAIL"), "password": stack.env("ADMIN_PASSWORD")}
    answer = stack.site(
        "/api/v1/auth/sign-in", method="POST", headers={"Content-Type": "application/json"}, data=json.dumps(body).encode(),
    )
    assert answer.status == 200, answer.body
    (cookie,) = [c.split(";")[0] for c in answer.headers.get_all("Set-Cookie") if c.startswith("__Host-session=")]
    people = stack.site(f"/api/v1/users?email={body['email']}", headers={"Cookie": cookie})
    assert people.status == 200, people.body
    assert [person["role"] for person in people.json()["users"]] == ["admin"]
