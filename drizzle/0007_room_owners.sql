ALTER TABLE "sweeps" ADD COLUMN "joining" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
-- From here on by hand. A room that no class has goes to a school by its pattern only where that names the school: any school
-- may give itself a pattern that fits the rooms of others, and would be shown who was in them.
CREATE OR REPLACE FUNCTION rollcall_room_owners(rooms text[], key_tenants text[], default_pattern text)
RETURNS TABLE (n integer, tenant_id text, class_id uuid, identity_form text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT w.n::integer, t.tenant_id, s.class_id, coalesce(t.settings->>'identity_form', 'rollcall')
  FROM unnest(rooms, key_tenants) WITH ORDINALITY AS w(room, key_tenant, n)
  -- One look into the index for each: PostgreSQL would rather read a small table whole.
  LEFT JOIN LATERAL (
    SELECT o.tenant_id, o.class_id FROM sessions o
    WHERE o.room_name = w.room AND (w.key_tenant IS NULL OR o.tenant_id = w.key_tenant) LIMIT 1
  ) s ON true
  LEFT JOIN LATERAL (
    SELECT CASE WHEN count(*) = 1 THEN min(f.tenant_id) END AS tenant_id FROM tenants f
    WHERE s.class_id IS NULL AND w.key_tenant IS NULL
      AND coalesce(f.settings->>'room_pattern', default_pattern) LIKE '%{tenant}%'
      AND w.room ~ ('^' || regexp_replace(
        regexp_replace(
          replace(coalesce(f.settings->>'room_pattern', default_pattern), '{tenant}', f.tenant_id),
          '\{(session_)?type\}', '[a-z][a-z0-9_]*', 'g'),
        '\{(class_)?id\}', '[A-Za-z0-9-]+', 'g') || '$')
  ) fits ON true
  LEFT JOIN LATERAL (
    SELECT CASE WHEN count(*) = 1 THEN min(o.tenant_id) END AS tenant_id FROM tenants o
    WHERE s.class_id IS NULL AND w.key_tenant IS NULL AND fits.tenant_id IS NULL
  ) only_one ON true
  JOIN tenants t ON t.tenant_id = coalesce(s.tenant_id, w.key_tenant, fits.tenant_id, only_one.tenant_id)
$$;
--> statement-breakpoint
ALTER FUNCTION rollcall_room_owners(text[], text[], text) SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION rollcall_room_owners(text[], text[], text) SET search_path = %I, pg_temp', current_schema());
END $$;
