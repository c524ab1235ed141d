#!/bin/bash
# Runs once, on an empty data folder: one database and one role per service. The role owns its database and can enter no other.
#
# A replica opens up to six connections (two to read, two to write, one to consume, one for the relay and the sweeper's lock). Three
# replicas need 18, and twice that while old and new ones overlap in an update; the operator's CLI adds two. 60 per database leaves
# room for nine replicas, and max_connections of the server (see docker-compose.yml) covers all five limits, so no service can use
# up what another one needs.
set -euo pipefail

# create_owner NAME PASSWORD: the role NAME and its database NAME_db.
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
