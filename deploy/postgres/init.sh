#!/bin/bash
# Creates one database and one role for each service. The role owns its database and can enter no other one. The script
# runs once, on an empty data folder.
#
# A replica opens up to six connections: two to read, two to write, one to consume, and one for the relay and the
# sweeper's lock. Three replicas need 18, and twice as many while old and new ones overlap in an update; the operator's
# CLI adds two. The limit of 60 for each database leaves room for nine replicas. The server's max_connections (see
# docker-compose.yml) covers all five limits, so no service can use up the connections of another one.
set -euo pipefail

# create_owner NAME PASSWORD creates the role NAME and its database NAME_db. Both values reach psql by the environment,
# where the process list does not show them.
create_owner() {
    OWNER=$1 OWNER_PASSWORD=$2 OWNED="$1_db" \
        psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv owner OWNER
\getenv password OWNER_PASSWORD
\getenv owned OWNED
CREATE ROLE :"owner" LOGIN PASSWORD :'password';
CREATE DATABASE :"owned" OWNER :"owner" CONNECTION LIMIT 60;
REVOKE ALL ON DATABASE :"owned" FROM PUBLIC;
SQL
}

create_owner auth "$AUTH_DB_PASSWORD"
create_owner posts "$POSTS_DB_PASSWORD"
create_owner subscriptions "$SUBSCRIPTIONS_DB_PASSWORD"
create_owner admin "$ADMIN_DB_PASSWORD"
create_owner recommendations "$RECOMMENDATIONS_DB_PASSWORD"

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --command 'REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC'
