-- Events that Kafka has refused for good: too large for the topic, as a rule. Each leaves the queue for this table, so that it holds up no
-- other. The relay tries them again, and the service puts them into the archive itself. Like `outbox` it has no tenant: what an event says
-- stands in `route_events`.
create table set_aside_events (
  event_id     uuid        primary key,
  outbox_id    bigint      not null,  -- its place in the queue: they are tried again in this order
  replay       uuid,                  -- the replay that published it again
  code         text        not null,  -- Kafka's error
  set_aside_at timestamptz not null default now(),
  tried_at     timestamptz not null default now(),
  attempts     integer     not null default 1,
  archived_at  timestamptz            -- null: the archive does not have it from here
);

create index set_aside_events_in_order on set_aside_events (outbox_id);

grant select, insert, update, delete on set_aside_events to traffic_manager_app;
