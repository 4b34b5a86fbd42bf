-- The database and its roles, for psql as superuser with :owner_password and :app_password set. Safe to run again.
--
--   traffic_manager_owner  owns the database and, through the migrations, every object in it; `traffic-manager migrate` uses it
--   traffic_manager_app    may not log in; the migrations grant it what the service needs, and nothing else is granted here
--   traffic_manager_retention  the same for `traffic-manager retain`
--   traffic_manager        the service's login: a member of traffic_manager_app, owner of nothing

SELECT 'CREATE ROLE traffic_manager_app NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'traffic_manager_app') \gexec

SELECT 'CREATE ROLE traffic_manager_retention NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'traffic_manager_retention') \gexec

SELECT 'CREATE ROLE traffic_manager_owner LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'traffic_manager_owner') \gexec

SELECT 'CREATE ROLE traffic_manager LOGIN IN ROLE traffic_manager_app'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'traffic_manager') \gexec

ALTER ROLE traffic_manager_owner PASSWORD :'owner_password';
ALTER ROLE traffic_manager PASSWORD :'app_password';

SELECT 'CREATE DATABASE traffic_manager OWNER traffic_manager_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'traffic_manager') \gexec
