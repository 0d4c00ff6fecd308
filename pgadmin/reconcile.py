"""Brings pgAdmin's database in line with the environment, at each start and on old volumes too.

The account is the one of PGADMIN_DEFAULT_EMAIL and PGADMIN_DEFAULT_PASSWORD, the server is the one of servers.json with
POSTGRES_* filled in, and its password is in a password file. What people added themselves is left alone.
"""

import contextlib
import json
import os
import string
import sys

PGPASS = '/tmp/pgpass'


def setting(name):
    """The value of a variable; the entrypoint stops with one line where it is missing."""
    value = os.environ.get(name)
    if not value:
        sys.exit(f'pgadmin: {name} is missing')
    return value


def secret(name):
    """The variable NAME, else the content of the file NAME_FILE without its last line break."""
    if name not in os.environ:
        with open(setting(name + '_FILE'), encoding='utf-8') as file:
            os.environ[name] = file.read().removesuffix('\n')
    return setting(name)


def filled(value):
    """The template with ${NAME} replaced inside its strings: no value can break the JSON around it."""
    if isinstance(value, dict):
        return {key: filled(item) for key, item in value.items()}
    return string.Template(value).substitute(os.environ) if isinstance(value, str) else value


def write_pgpass(fields, storage):
    """The password file, on the temporary file system; pgAdmin looks for it in the user's storage."""
    escaped = (field.replace('\\', '\\\\').replace(':', '\\:') for field in fields)
    with contextlib.suppress(FileNotFoundError):
        os.remove(PGPASS)
    with open(os.open(PGPASS, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w', encoding='utf-8') as file:
        file.write(':'.join(escaped) + '\n')
    link = os.path.join(storage, '.pgpass')
    with contextlib.suppress(FileNotFoundError):
        os.remove(link)
    os.symlink(PGPASS, link)


email = setting('PGADMIN_DEFAULT_EMAIL')
password = secret('PGADMIN_DEFAULT_PASSWORD')
for variable in ('POSTGRES_HOST', 'POSTGRES_PORT', 'POSTGRES_DB', 'POSTGRES_USER'):
    setting(variable)
postgres_password = secret('POSTGRES_PASSWORD')
with open('/etc/pgadmin/servers.json', encoding='utf-8') as template:
    servers = filled(json.load(template))['Servers'].values()

# On an empty volume pgAdmin makes its database with this account; an old one it migrates.
os.environ.update(PGADMIN_SETUP_EMAIL=email, PGADMIN_SETUP_PASSWORD=password)
with contextlib.redirect_stdout(sys.stderr):
    from pgAdmin4 import app

    from flask_security.utils import hash_password, verify_password
    from pgadmin.model import Role, Server, ServerGroup, User, db
    from pgadmin.tools.user_management import normalise_password
    from pgadmin.utils.constants import INTERNAL
    from pgadmin.utils.paths import get_storage_directory

with app.test_request_context():
    user = User.query.filter_by(username=email, auth_source=INTERNAL).first()
    if user is None:
        # Another e-mail than at first start: the first account is renamed, so that the old one opens nothing any more.
        user = User.query.order_by(User.id).first()
        user.username = user.email = email
    # A new hash ends sessions and makes saved passwords of other servers unreadable, so it is written only for a new one.
    if not verify_password(normalise_password(password), user.password):
        user.password = hash_password(normalise_password(password))
    user.active, user.locked, user.login_attempts = True, False, 0
    user.roles = [Role.query.filter_by(name='Administrator').one()]

    for entry in servers:
        group = ServerGroup.query.filter_by(user_id=user.id, name=entry['Group']).first()
        if group is None:
            group = ServerGroup(user_id=user.id, name=entry['Group'])
            db.session.add(group)
            db.session.flush()
        server = Server.query.filter_by(user_id=user.id, servergroup_id=group.id, name=entry['Name']).first()
        if server is None:
            server = Server(user_id=user.id, servergroup_id=group.id, name=entry['Name'])
            db.session.add(server)
        server.host, server.port = entry['Host'], int(entry['Port'])
        server.maintenance_db, server.username = entry['MaintenanceDB'], entry['Username']
        server.connection_params = entry['ConnectionParameters']
        # A password saved in the browser would win over the file, and be wrong after the next change.
        server.password, server.save_password = None, 0
    db.session.commit()

    storage = get_storage_directory(user)
    os.makedirs(storage, mode=0o700, exist_ok=True)

host, port, user_name = (os.environ['POSTGRES_' + part] for part in ('HOST', 'PORT', 'USER'))
write_pgpass((host, port, '*', user_name, postgres_password), storage)
