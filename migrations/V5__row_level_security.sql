-- A session sees and changes rows only of the tenants that it names in app.tenants, a list with commas: with nothing named, no row.
-- '*' stands for all of them: for what belongs to the installation as a whole. It cannot be the name of a tenant.
-- This stands behind the code, whose every query names its tenants. It is forced, so that it also holds for the owner of the tables.
-- `outbox` has no tenant, only ids of events; what they say stands in `route_events`.

do $$
declare
  tenants text[] := array['tenants', 'name'];
  others text[] := array['routes', 'route_events', 'scopes', 'policies', 'policy_hosts', 'plans', 'idempotency_keys', 'audit_checkpoints'];
  -- Each select runs once for a statement, and the list is looked up by hash: a row costs the same however many tenants are named.
  visible constant text := '(select current_setting(''app.tenants'', true)) = ''*'' '
    'or %I in (select unnest(string_to_array(current_setting(''app.tenants'', true), '','')))';
  target text[];
  condition text;
begin
  foreach target slice 1 in array array[tenants] || (select array_agg(array[name, 'tenant']) from unnest(others) as name) loop
    condition := format(visible, target[2]);
    execute format('alter table %I enable row level security, force row level security', target[1]);
    execute format('create policy visible_tenants on %I using (%s) with check (%s)', target[1], condition, condition);
  end loop;
end
$$;

-- Which prefixes of hosts are somebody's. A host belongs to one policy of all tenants, so who claims one must know whether it is free,
-- also of tenants that it does not see: that, and not whose it is. Only a superuser may attach the setting to the function, so it is set
-- within; when the query fails, the transaction takes it back.
create function owned_prefixes(hosts text[]) returns table (host text, path_prefix text)
  language plpgsql rows 10
  as $$
declare
  visible constant text := coalesce(current_setting('app.tenants', true), '');
begin
  perform set_config('app.tenants', '*', true);
  return query select h.host, h.path_prefix from policy_hosts h where h.host = any(owned_prefixes.hosts);
  perform set_config('app.tenants', visible, true);
end
$$;

revoke execute on function owned_prefixes from public;
grant execute on function owned_prefixes to traffic_manager_app;
