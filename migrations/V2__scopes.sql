-- The newest revision that touched a service of a tenant in an environment: what the tags of narrowed snapshots are made of.
-- A row stays when the last route of its scope goes, or that change would not move the scope's tag.

create table scopes (
  tenant   text   not null,
  service  text   not null,
  env      text   not null,
  epoch    text   not null, -- of the tenant's life that the revision belongs to; rows of an earlier one do not count
  revision bigint not null check (revision > 0),
  primary key (tenant, service, env)
);

insert into scopes (tenant, service, env, epoch, revision)
select e.tenant, e.service, e.env, e.epoch, max(e.revision)
from route_events e join tenants t on t.name = e.tenant and t.epoch = e.epoch
group by e.tenant, e.service, e.env, e.epoch;

grant select, insert, update, delete on scopes to traffic_manager_app;
