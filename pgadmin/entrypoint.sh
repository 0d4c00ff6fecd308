#!/bin/sh
# pgAdmin under /pgadmin on port 5050. Account, server and password file are brought in line with the environment first.
set -eu

/venv/bin/python3 /etc/pgadmin/reconcile.py

# What runs from here on needs no secret: the account is in its database, the server's password in the password file.
unset PGADMIN_DEFAULT_PASSWORD POSTGRES_PASSWORD
# One worker: pgAdmin keeps its connections in the process. /dev/shm: gunicorn's heartbeat must not wait for a disk.
exec /venv/bin/gunicorn --bind 0.0.0.0:5050 --workers 1 --threads 8 --timeout 300 --worker-tmp-dir /dev/shm \
  --chdir /pgadmin4 pgAdmin4:app
