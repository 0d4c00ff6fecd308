"""pgAdmin's settings for this stack; the rest are its defaults."""

import glob
import os

DATA_DIR = '/var/lib/pgadmin'
# Messages go to the container's log.
LOG_FILE = '/dev/null'
CA_FILE = '/etc/ssl/certs/ca-certificates.crt'

# Without a master password, opening the server asks for nothing; the stack's own password is not stored in pgAdmin.
MASTER_PASSWORD_REQUIRED = False
UPGRADE_CHECK_ENABLED = False

# The official image keeps the manual at /pgadmin4/docs, the package from PyPI at /pgadmin4/docs/en_US/_build/html.
HELP_PATH = '../../docs/en_US/_build/html/' if os.path.isdir('/pgadmin4/docs/en_US') else '../../docs'

# psql, pg_dump and pg_restore by major version, for backup and restore: the official image's and Debian's places.
DEFAULT_BINARY_PATHS = {
    'pg-' + major: path
    for pattern, part in (('/usr/local/pgsql-*', -1), ('/usr/lib/postgresql/*/bin', -2))
    for path in sorted(glob.glob(pattern))
    for major in [path.split('/')[part].removeprefix('pgsql-')]
}
