-- Where keys come from, and how many there may be.

-- Two callers of different kinds may have one id. Of keys of before this, the maker is taken for a key where there is one of that id.
alter table api_keys add column created_by_kind text;
update api_keys k set created_by_kind = case
  when exists (select from api_keys maker where maker.id = k.created_by) then 'key'
  when k.created_by = 'key create' then 'command'
  when k.created_by = 'anonymous' then 'anonymous'
end;

-- The number of the token that a key has, who gave it that, and the last key beside itself that was shown one by doing so: what ends with
-- a key that was taken is what came of it.
alter table api_keys
  add column tokens integer not null default 1 check (tokens > 0),
  add column rotated_by text,
  add column rotated_by_kind text,
  add column shown_to text;
update api_keys set tokens = 2 where rotated_at is not null;

create index api_keys_by_maker on api_keys (created_by);
create index api_keys_by_shown_to on api_keys (shown_to) where shown_to is not null;
create index api_keys_by_end on api_keys (least(revoked_at, expires_at)) where least(revoked_at, expires_at) is not null;

-- Keys that ended long ago are swept. The audit of access keeps what was done with them.
grant delete on api_keys to traffic_manager_app;

-- The service makes no temporary tables. Whoever may connect may, unless that is taken away; only who owns the database can.
do $$
begin
  if (select pg_get_userbyid(datdba) = current_user from pg_database where datname = current_database()) then
    execute format('revoke temporary on database %I from public', current_database());
  else
    raise notice 'TEMPORARY on this database is not taken from PUBLIC: its owner has to';
  end if;
end
$$;
