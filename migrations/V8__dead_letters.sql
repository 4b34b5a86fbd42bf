-- What was decided of dead letters, and replays of the history.

-- A letter stands in its topic and stays there; here is what became of it, if anybody decided. It is known by its place and by the broker's
-- time: a topic that was made anew counts from 0 again. No tenant: whose a letter is nobody knows for sure.
create table dead_letter_decisions (
  partition       integer     not null check (partition >= 0),
  letter_offset   bigint      not null check (letter_offset >= 0),
  letter_at       timestamptz not null,
  -- redriving: it was decided to send it again, and not known yet that it was.
  state           text        not null check (state in ('redriving', 'redriven', 'discarded')),
  reason          text,
  decided_by      text        not null,
  decided_at      timestamptz not null default now(),
  idempotency_key text,
  primary key (partition, letter_offset, letter_at)
);

create index dead_letter_decisions_by_idempotency_key on dead_letter_decisions (decided_by, idempotency_key)
  where idempotency_key is not null;

grant select, insert, update on dead_letter_decisions to traffic_manager_app;

-- Pieces of the history that are published again. The relay's leader moves them on, a few events at a time.
create table replays (
  id                uuid        primary key,
  tenant            text,       -- null: of every tenant
  epoch             text,       -- null: of every epoch
  from_revision     bigint      not null check (from_revision > 0),
  to_revision       bigint      check (to_revision >= from_revision), -- null: the newest, when its chain's turn comes
  include_removed   boolean     not null, -- also what retention has removed from the archive
  events_per_second integer     not null check (events_per_second > 0),
  events_total      bigint,     -- when it was made; null: too many to count
  reason            text        not null,
  state             text        not null default 'running' check (state in ('running', 'done', 'cancelled')),
  -- How far it has come: the chain that is at work, up to where, and the last event that was queued.
  at_tenant         text,
  at_epoch          text,
  at_until          bigint,
  at_revision       bigint      not null default 0,
  at_item           integer     not null default 0,
  queued            bigint      not null default 0,
  created_by        text        not null,
  created_at        timestamptz not null default now(),
  changed_at        timestamptz not null default now(),
  ended_at          timestamptz,
  ended_by          text,
  idempotency_key   text,
  check ((state = 'running') = (ended_at is null))
);

create index replays_running on replays (created_at) where state = 'running';
create unique index replays_by_idempotency_key on replays (created_by, idempotency_key);

grant select, insert, update on replays to traffic_manager_app;

-- As in V5. A replay of every tenant belongs to the installation.
alter table replays enable row level security, force row level security;
create policy visible_tenants on replays
  using ((select current_setting('app.tenants', true)) = '*'
         or tenant in (select unnest(string_to_array(current_setting('app.tenants', true), ','))))
  with check ((select current_setting('app.tenants', true)) = '*'
              or tenant in (select unnest(string_to_array(current_setting('app.tenants', true), ','))));

-- Which replay an event in the queue belongs to. What is new belongs to none, and only that counts as not published.
alter table outbox add column replay uuid;
