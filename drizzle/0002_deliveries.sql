-- By hand: how deliveries are stored, which costs less now, and whose a room is that no class has.
--
-- Whose is a room? The n-th of `rooms` belongs to the class that has it; a key that is one tenant's own opens that
-- tenant's rooms only. For a room that no class has: the tenant of the key, else the only one whose pattern it fits from
-- its first letter to its last (a session type with a hyphen in it fits none, or `a-b` would be taken for `a`), else the
-- only tenant there is. Answers ids and how the tenant writes identities, nothing else.
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
DROP FUNCTION rollcall_set_aside_for(text);
--> statement-breakpoint
-- What came for a room before the class that has it was scheduled: the tenant's own, and what was nobody's.
CREATE FUNCTION rollcall_set_aside_for(room text)
RETURNS TABLE (id bigint, raw text, received_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT a.id, a.raw, a.received_at FROM set_aside a
  WHERE a.room_name = room AND a.why = 'no_class'
    AND (a.tenant_id IS NULL OR a.tenant_id = current_setting('app.tenant', true))
    AND EXISTS (SELECT FROM sessions s WHERE s.room_name = room AND s.tenant_id = current_setting('app.tenant', true))
  ORDER BY a.id
$$;
--> statement-breakpoint
-- Classes that wait for evidence, got some, and have not been rung for it: whoever stored it died before.
CREATE FUNCTION rollcall_unrung_classes(max_rows integer)
RETURNS TABLE (tenant_id text, class_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT c.tenant_id, c.id FROM classes c
  WHERE c.evidence_pending AND c.settled_at IS NULL AND c.status = 'reconciling'
    AND (c.last_rung_at IS NULL OR c.last_rung_at <= now() - interval '1 minute')
  LIMIT max_rows
$$;
--> statement-breakpoint
-- One delivery, as `rollcall_store_deliveries` takes it; `why` and `reason` where it is no evidence. The columns that
-- begin with itqan_ are what a tenant stores that writes identities in Itqan's form, where that differs.
CREATE TYPE rollcall_delivery AS (
  key_tenant text, room_name text, event_id text, event text, raw text, raw_hash text, why text, reason text,
  kind text, at timestamptz, joined_at timestamptz, connection text, room text, identity text, hash text,
  itqan_identity text, itqan_hash text
);
--> statement-breakpoint
DROP FUNCTION rollcall_store_deliveries(jsonb, text);
--> statement-breakpoint
-- Stores signed deliveries of whatever tenants in one statement and one commit: each tenant's rows under its own name, so
-- that row security holds here as everywhere. `told` is a list of objects with the columns of rollcall_delivery.
-- Answers for each, in its order: what became of it, whose it is, and whether its class has ended already.
CREATE FUNCTION rollcall_store_deliveries(told json, default_pattern text)
RETURNS TABLE (n integer, stored_as text, tenant_id text, class_id uuid, identity_form text, late text)
LANGUAGE plpgsql AS $$
DECLARE
  given rollcall_delivery[] := ARRAY(SELECT d FROM json_populate_recordset(NULL::rollcall_delivery, told) d);
  tenants text[]; class_ids uuid[]; forms text[]; whose text; mine integer;
  fresh integer[]; other integer[]; known integer[]; ended uuid[]; late_ids uuid[]; settled_ids uuid[];
  same integer[] := '{}'; taken integer[] := '{}'; after_end integer[] := '{}'; after_settling integer[] := '{}';
BEGIN
  SELECT array_agg(o.tenant_id ORDER BY w.n), array_agg(o.class_id ORDER BY w.n), array_agg(o.identity_form ORDER BY w.n)
  INTO tenants, class_ids, forms
  FROM generate_series(1, cardinality(given)) w(n)
  LEFT JOIN rollcall_room_owners(
    ARRAY(SELECT coalesce(g.room_name, '') FROM unnest(given) g),
    ARRAY(SELECT g.key_tenant FROM unnest(given) g),
    default_pattern) o ON o.n = w.n;

  -- In one order for everybody, so that two who store at once never wait for each other in a circle. NULL is nobody's.
  FOR whose, mine IN SELECT t, count(*) FROM unnest(tenants) t GROUP BY t ORDER BY t NULLS FIRST LOOP
    PERFORM set_config('app.tenant', coalesce(whose, ''), true);
    fresh := '{}'; known := '{}';

    IF whose IS NOT NULL THEN
      -- Of two under one id in here the first is stored.
      WITH v AS (
        SELECT d.*, class_ids[d.place] AS of_class, row_number() OVER (PARTITION BY d.event_id ORDER BY d.place) AS nth,
          forms[d.place] = 'itqan' AND d.itqan_hash IS NOT NULL AS as_itqan
        FROM ROWS FROM (unnest(given)) WITH ORDINALITY AS d(key_tenant, room_name, event_id, event, raw, raw_hash, why, reason,
          kind, at, joined_at, connection, room, identity, hash, itqan_identity, itqan_hash, place)
        WHERE tenants[d.place] = whose AND class_ids[d.place] IS NOT NULL AND d.why IS NULL
      ), stored AS (
        INSERT INTO events (tenant_id, class_id, source, source_event_id, kind, at, joined_at, connection, room, identity,
          reason, content_hash, raw)
        SELECT whose, of_class, 'livekit', v.event_id, v.kind, v.at, v.joined_at, v.connection, v.room,
          CASE WHEN as_itqan THEN itqan_identity ELSE identity END, v.reason, CASE WHEN as_itqan THEN itqan_hash ELSE hash END, v.raw
        FROM v ORDER BY v.event_id, v.place
        ON CONFLICT DO NOTHING RETURNING source_event_id
      )
      SELECT coalesce(array_agg(v.place) FILTER (WHERE v.nth = 1 AND s.source_event_id IS NOT NULL), '{}'),
        coalesce(array_agg(v.place) FILTER (WHERE v.nth > 1 OR s.source_event_id IS NULL), '{}')
      INTO fresh, other
      FROM v LEFT JOIN stored s ON s.source_event_id = v.event_id;
      taken := taken || fresh;

      IF cardinality(other) > 0 THEN
        SELECT coalesce(array_agg(o.n), '{}') INTO known
        FROM unnest(other) o(n) JOIN LATERAL (SELECT (given[o.n]).*) d ON true
        JOIN events e ON e.tenant_id = whose AND e.source = 'livekit' AND e.source_event_id = d.event_id
          AND e.class_id = class_ids[o.n]
          AND e.content_hash = CASE WHEN forms[o.n] = 'itqan' THEN coalesce(d.itqan_hash, d.hash) ELSE d.hash END;
        same := same || known;
      END IF;

      -- One look into the index for each: PostgreSQL would rather read every class of the tenant.
      SELECT array_agg(touched.id) INTO ended FROM (SELECT DISTINCT class_ids[t] AS id FROM unnest(fresh) t) touched
      JOIN LATERAL (
        SELECT FROM classes c WHERE c.tenant_id = whose AND c.id = touched.id AND c.cancelled_at IS NULL
          AND (c.settled_at IS NOT NULL OR c.status IN ('ended', 'reconciling')) LIMIT 1
      ) c ON true;
      IF ended IS NOT NULL THEN
        -- The row lock makes this and a calculation take turns: it has seen the evidence, or finds the note.
        WITH locked AS (
          SELECT c.id FROM classes c WHERE c.tenant_id = whose AND c.id = ANY (ended) ORDER BY c.id FOR UPDATE
        ), noted AS (
          UPDATE classes c SET evidence_pending = true FROM locked WHERE c.tenant_id = whose AND c.id = locked.id
          RETURNING c.id, c.settled_at
        )
        SELECT array_agg(noted.id) FILTER (WHERE noted.settled_at IS NULL), array_agg(noted.id) FILTER (WHERE noted.settled_at IS NOT NULL)
        INTO late_ids, settled_ids FROM noted;
        after_end := after_end || ARRAY(SELECT t FROM unnest(fresh) t WHERE class_ids[t] = ANY (late_ids));
        after_settling := after_settling || ARRAY(SELECT t FROM unnest(fresh) t WHERE class_ids[t] = ANY (settled_ids));
      END IF;
    END IF;

    IF cardinality(fresh) + cardinality(known) < mine THEN
      INSERT INTO set_aside (tenant_id, class_id, source, source_event_id, why, reason, event, room_name, raw, raw_hash)
      SELECT whose, class_ids[w.n], 'livekit', d.event_id,
        coalesce(d.why, CASE WHEN class_ids[w.n] IS NULL THEN 'no_class' ELSE 'conflicting' END),
        CASE WHEN d.why IS NOT NULL THEN d.reason END, d.event, d.room_name, d.raw, d.raw_hash
      FROM unnest(tenants) WITH ORDINALITY AS w(tenant, n) JOIN LATERAL (SELECT (given[w.n]).*) d ON true
      WHERE w.tenant IS NOT DISTINCT FROM whose AND w.n <> ALL (fresh) AND w.n <> ALL (known)
      ORDER BY d.event_id, d.raw_hash
      ON CONFLICT DO NOTHING;
    END IF;
  END LOOP;

  RETURN QUERY SELECT w.n,
    CASE WHEN w.n = ANY (taken) THEN 'accepted' WHEN w.n = ANY (same) THEN 'duplicate' ELSE 'set_aside' END,
    tenants[w.n], class_ids[w.n], forms[w.n],
    CASE WHEN w.n = ANY (after_end) THEN 'waiting' WHEN w.n = ANY (after_settling) THEN 'settled' END
  FROM generate_series(1, cardinality(given)) w(n) ORDER BY w.n;
END $$;
--> statement-breakpoint
-- Planned once for a connection and not for each batch: planning cost more than storing twenty rows.
ALTER FUNCTION rollcall_store_deliveries(json, text) SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
ALTER FUNCTION rollcall_room_owners(text[], text[], text) SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
-- A path that does not name pg_temp is searched there first: anybody's temporary view `sessions` would run as the owner.
DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['rollcall_room_owners(text[], text[], text)', 'rollcall_set_aside_for(text)', 'rollcall_unrung_classes(integer)']
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO rollcall_app', f);
  END LOOP;
END $$;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION rollcall_store_deliveries(json, text) TO rollcall_app;
