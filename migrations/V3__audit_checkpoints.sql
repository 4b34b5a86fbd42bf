-- Where the archive's chains begin, since `traffic-manager retain` has removed what came before: the last event removed, proven before.
-- One row for each run that removed something of a chain; the newest counts. Rows are added and never changed.

do $$
begin
  -- As for traffic_manager_app: roles belong to the cluster.
  if not exists (select from pg_roles where rolname = 'traffic_manager_retention') then
    create role traffic_manager_retention nologin;
  end if;
exception
  when duplicate_object or unique_violation then null; -- made by another in this very moment
end
$$;

-- It outlives its tenant, as route_events does: no foreign key.
create table audit_checkpoints (
  tenant      text        not null,
  epoch       text        not null,
  revision    bigint      not null check (revision > 0),              -- removed up to and with this one
  hash        text        not null check (hash ~ '^[0-9a-f]{64}$'),   -- of its last event: what the next one must name
  events      bigint      not null check (events > 0),                -- removed since the beginning of the chain
  occurred_at timestamptz not null,                                   -- of its last event
  made_at     timestamptz not null default clock_timestamp(),
  primary key (tenant, epoch, revision)
);

-- The service reads where to begin. Who removes events can neither serve nor write routes; it reads the history to prove what it removes.
grant select on audit_checkpoints to traffic_manager_app;
grant select, insert on audit_checkpoints to traffic_manager_retention;
grant select on route_events to traffic_manager_retention;
