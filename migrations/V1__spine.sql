-- The spine: tenants with their revision counters, routes, history, the outbox, idempotency keys and the relay's lease.
-- Run by the role that owns the schema. The service connects as a member of traffic_manager_app, which owns nothing.

do $$
begin
  -- Roles belong to the cluster: an administrator or another database's migration may have made it.
  if not exists (select from pg_roles where rolname = 'traffic_manager_app') then
    create role traffic_manager_app nologin;
  end if;
exception
  when duplicate_object or unique_violation then null; -- made by another in this very moment
end
$$;

-- One row per tenant. Locking it orders the tenant's writes; revision, chain_head and routes move together under that lock.
create table tenants (
  name         text        primary key,
  epoch        text        not null check (epoch ~ '^[0-9a-f]{16}$'),
  revision     bigint      not null check (revision >= 0),
  chain_head   text        not null check (chain_head ~ '^[0-9a-f]{64}$'),
  routes       integer     not null check (routes >= 0),
  routes_quota integer     check (routes_quota >= 0),
  created_at   timestamptz not null,
  created_by   text        not null,
  updated_at   timestamptz not null,
  updated_by   text        not null
) with (fillfactor = 50); -- room for HOT updates: every write of a tenant updates its row

create table routes (
  tenant      text        not null references tenants (name),
  service     text        not null,
  env         text        not null,
  version     text        not null,
  url         text        not null,
  is_active   boolean     not null,
  labels      jsonb       not null,
  description text,
  revision    bigint      not null,
  created_at  timestamptz not null,
  created_by  text        not null,
  updated_at  timestamptz not null,
  updated_by  text        not null,
  primary key (tenant, service, env, version)
);

-- The append-only history, with Debezium's outbox columns (id, aggregatetype, aggregateid, type, payload) beside its own.
-- It outlives its tenant: no foreign key.
create table route_events (
  tenant        text        not null,
  epoch         text        not null,
  revision      bigint      not null,
  item          integer     not null,
  id            uuid        not null unique,
  aggregatetype text        not null default 'route',
  aggregateid   text        not null,  -- the tenant: the key in Kafka
  type          text        not null,  -- the CloudEvents type
  payload       json        not null,  -- the event, exactly as it is published
  service       text        not null,
  env           text        not null,
  version       text        not null,
  traceparent   text,
  occurred_at   timestamptz not null,
  primary key (tenant, epoch, revision, item)
);

create index route_events_by_route on route_events (tenant, service, env, version, epoch, revision desc, item desc);

-- The queue: a row per event that Kafka has not acknowledged. Rows are inserted while the tenant's row is locked, so the ids of one
-- tenant are in commit order; they are read in id order and deleted, never marked.
create table outbox (
  id         bigint      generated always as identity primary key,
  event_id   uuid        not null,
  created_at timestamptz not null default clock_timestamp()
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- The first answer to each Idempotency-Key, written in the transaction of the command itself.
create table idempotency_keys (
  tenant      text        not null,
  actor       text        not null,
  key         text        not null,
  fingerprint text        not null,  -- SHA-256 of the command
  outcome     json        not null,
  created_at  timestamptz not null default now(),
  primary key (tenant, actor, key)
);

create index idempotency_keys_by_age on idempotency_keys (created_at);

-- The relay's fencing epoch: raised by each new leader, checked in every delete from the outbox.
create table relay_lease (
  singleton   boolean     primary key default true check (singleton),
  epoch       bigint      not null,
  holder      text        not null,
  acquired_at timestamptz not null
);

insert into relay_lease (epoch, holder, acquired_at) values (0, '', now());

-- What every instance of this installation shares: the key that makes list cursors tamper-evident.
create table installation (
  singleton  boolean primary key default true check (singleton),
  cursor_key bytea   not null check (length(cursor_key) = 32)
);

insert into installation (cursor_key)
values (sha256((gen_random_uuid()::text || gen_random_uuid()::text || gen_random_uuid()::text)::bytea));

grant select, insert, update, delete on tenants, routes to traffic_manager_app;
grant select, insert on route_events to traffic_manager_app;
grant select, insert, delete on outbox, idempotency_keys to traffic_manager_app;
grant select, update on relay_lease to traffic_manager_app;
grant select on installation to traffic_manager_app;
