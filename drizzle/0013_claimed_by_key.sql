ALTER TABLE "set_aside" ADD COLUMN "key_tenant" text;
--> statement-breakpoint
-- From here on by hand. What a key of one school's own has signed is that school's and nobody else's, also while it has no
-- row in `tenants`; whose room it is that no class has yet is only a guess, and the class that gets the room gets what was told of it.
-- Of what is there already nobody knows which key signed it: it stays whose it is.
ALTER TABLE set_aside DISABLE TRIGGER append_only;
--> statement-breakpoint
ALTER TABLE set_aside DISABLE ROW LEVEL SECURITY;
--> statement-breakpoint
UPDATE set_aside SET key_tenant = tenant_id;
--> statement-breakpoint
ALTER TABLE set_aside ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE set_aside ENABLE TRIGGER append_only;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION rollcall_room_owners(rooms text[], key_tenants text[], default_pattern text)
RETURNS TABLE (n integer, tenant_id text, class_id uuid, identity_form text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT w.n::integer, o.tenant_id, s.class_id, coalesce(t.settings->>'identity_form', 'rollcall')
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
  CROSS JOIN LATERAL (
    SELECT coalesce(s.tenant_id, w.key_tenant, fits.tenant_id, only_one.tenant_id) AS tenant_id
  ) o
  LEFT JOIN tenants t ON t.tenant_id = o.tenant_id
  WHERE o.tenant_id IS NOT NULL
$$;
--> statement-breakpoint
ALTER FUNCTION rollcall_room_owners(text[], text[], text) SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
-- What came for a room before the class that has it was scheduled: what the tenant's own key signed, or that of all.
CREATE OR REPLACE FUNCTION rollcall_set_aside_for(room text)
RETURNS TABLE (id bigint, raw text, received_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT a.id, a.raw, a.received_at FROM set_aside a
  WHERE a.room_name = room AND a.why = 'no_class'
    AND coalesce(a.key_tenant, current_setting('app.tenant', true)) = current_setting('app.tenant', true)
    AND EXISTS (SELECT FROM sessions s WHERE s.room_name = room AND s.tenant_id = current_setting('app.tenant', true))
  ORDER BY a.id
$$;
--> statement-breakpoint
-- Whoever replaces a function takes its settings away.
DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['rollcall_room_owners(text[], text[], text)', 'rollcall_set_aside_for(text)']
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
  END LOOP;
END $$;
--> statement-breakpoint
DROP FUNCTION rollcall_store_deliveries(text, text[], uuid[], text[], text[], text[], text[], text[], text[], text[], text[],
  text[], float8[], float8[], text[], text[], text[], text[], text[], text[]);
--> statement-breakpoint
-- Stores signed deliveries of whatever tenants in one statement and one commit: each tenant's rows under its own name, so
-- that row security holds here as everywhere. Every array has one element for each delivery, or none where all would be NULL
-- (not so event_ids); instants are UTC milliseconds. `tenants` and `class_ids` say whose the room is, both or neither; raises
-- when that is so no longer. `whys` says why it is no evidence, with its reason in `reasons`.
-- Answers for each, in its order: what became of it, whose it is, and whether its class has ended already. Tells nobody.
CREATE FUNCTION rollcall_store_deliveries(
  default_pattern text, tenants text[], class_ids uuid[], key_tenants text[], room_names text[], event_ids text[], events text[],
  raws text[], whys text[], reasons text[], kinds text[], ats float8[], joined_ats float8[],
  connections text[], rooms text[], identities text[], hashes text[], itqan_identities text[], itqan_hashes text[])
RETURNS TABLE (n integer, stored_as text, tenant_id text, class_id uuid, identity_form text, late text)
LANGUAGE plpgsql AS $$
DECLARE
  size constant integer := cardinality(event_ids);
  became text[] := array_fill('set_aside'::text, ARRAY[size]); lates text[];
  unknown integer[]; owner record; whoses text[]; mines integer[]; forms text[]; whose text; form text; is_usual boolean;
  stored text[]; evidence integer[]; other integer[]; known integer[]; ended uuid[]; late_ids uuid[]; settled_ids uuid[];
  i integer; nth integer; ignored text;
BEGIN
  IF cardinality(class_ids) = 0 THEN
    tenants := array_fill(NULL::text, ARRAY[size]);
    class_ids := array_fill(NULL::uuid, ARRAY[size]);
  END IF;
  FOR look IN 1 .. 2 LOOP
    EXIT WHEN array_position(class_ids, NULL) IS NULL;
    unknown := ARRAY(SELECT w FROM generate_series(1, size) w WHERE class_ids[w] IS NULL);
    -- Whoever is about to give one of these rooms to a class is waited for (src/ingest/adopt-room.ts), or finds what is put aside
    -- here. In one order for everybody.
    IF look = 2 THEN
      PERFORM pg_advisory_xact_lock_shared(hashtextextended('room ' || r.room_name, 0))
      FROM (SELECT DISTINCT room_names[u] AS room_name FROM unnest(unknown) u ORDER BY 1) r;
    END IF;
    FOR owner IN SELECT o.n, o.tenant_id, o.class_id FROM rollcall_room_owners(
      ARRAY(SELECT coalesce(room_names[u], '') FROM unnest(unknown) u), ARRAY(SELECT key_tenants[u] FROM unnest(unknown) u),
      default_pattern) o
    LOOP
      tenants[unknown[owner.n]] := owner.tenant_id;
      class_ids[unknown[owner.n]] := owner.class_id;
    END LOOP;
  END LOOP;

  IF tenants <@ tenants[1:1] THEN
    whoses := tenants[1:1];
    mines := ARRAY[size];
  ELSE
    -- In one order for everybody, so that two who store at once never wait for each other in a circle. NULL is nobody's.
    SELECT array_agg(t ORDER BY t NULLS FIRST), array_agg(mine ORDER BY t NULLS FIRST) INTO whoses, mines
    FROM (SELECT t, count(*) AS mine FROM unnest(tenants) t GROUP BY t) g;
  END IF;
  is_usual := cardinality(whoses) = 1 AND cardinality(whys) = 0 AND array_position(class_ids, NULL) IS NULL;

  FOR nth_whose IN 1 .. cardinality(whoses) LOOP
    whose := whoses[nth_whose];
    ignored := set_config('app.tenant', coalesce(whose, ''), true);
    stored := NULL; known := '{}'; other := '{}'; form := NULL;

    IF whose IS NOT NULL THEN
      form := (SELECT coalesce(t.settings->>'identity_form', 'rollcall') FROM tenants t WHERE t.tenant_id = whose);
      WITH inserted AS (
        INSERT INTO events AS e (tenant_id, class_id, source, source_event_id, kind, at, joined_at, connection, room, identity,
          reason, content_hash, raw)
        SELECT whose, class_ids[w], 'livekit', event_ids[w], kinds[w], to_timestamp(ats[w] / 1000),
          to_timestamp(joined_ats[w] / 1000), connections[w], rooms[w],
          CASE WHEN form = 'itqan' AND itqan_hashes[w] IS NOT NULL THEN itqan_identities[w] ELSE identities[w] END,
          reasons[w],
          CASE WHEN form = 'itqan' AND itqan_hashes[w] IS NOT NULL THEN itqan_hashes[w] ELSE hashes[w] END, raws[w]
        FROM generate_series(1, size) w
        WHERE tenants[w] = whose AND class_ids[w] IS NOT NULL AND whys[w] IS NULL AND EXISTS (
          SELECT FROM sessions s WHERE s.room_name = room_names[w] AND s.tenant_id = whose AND s.class_id = class_ids[w])
        ORDER BY event_ids[w], w
        ON CONFLICT ON CONSTRAINT events_source_event DO NOTHING RETURNING e.source_event_id
      )
      SELECT array_agg(inserted.source_event_id ORDER BY inserted.source_event_id) INTO stored FROM inserted;

      IF is_usual AND cardinality(stored) = size THEN
        became := array_fill('accepted'::text, ARRAY[size]);
      ELSE
        IF EXISTS (
          SELECT FROM generate_series(1, size) w WHERE tenants[w] = whose AND class_ids[w] IS NOT NULL AND NOT EXISTS (
            SELECT FROM sessions s WHERE s.room_name = room_names[w] AND s.tenant_id = whose AND s.class_id = class_ids[w])
        ) THEN
          RAISE EXCEPTION 'a room is no longer that of the class that was named';
        END IF;
        -- Both are in the order of the ids. Of two under one id in here the first is stored.
        evidence := ARRAY(
          SELECT w FROM generate_series(1, size) w
          WHERE tenants[w] = whose AND class_ids[w] IS NOT NULL AND whys[w] IS NULL ORDER BY event_ids[w], w);
        nth := 1;
        FOREACH i IN ARRAY evidence LOOP
          IF event_ids[i] = stored[nth] THEN
            became[i] := 'accepted';
            nth := nth + 1;
          ELSE
            other := other || i;
          END IF;
        END LOOP;
      END IF;

      IF cardinality(other) > 0 THEN
        -- One look into the index for each: PostgreSQL would rather read every event of the tenant.
        SELECT coalesce(array_agg(o.w), '{}') INTO known
        FROM unnest(other) o(w) JOIN LATERAL (
          SELECT e.class_id, e.content_hash FROM events e
          WHERE e.tenant_id = whose AND e.source = 'livekit' AND e.source_event_id = event_ids[o.w] LIMIT 1
        ) e ON e.class_id = class_ids[o.w]
          AND e.content_hash = CASE WHEN form = 'itqan' THEN coalesce(itqan_hashes[o.w], hashes[o.w]) ELSE hashes[o.w] END;
        FOREACH i IN ARRAY known LOOP became[i] := 'duplicate'; END LOOP;
      END IF;

      -- Not before: the INSERT waits for whoever is calculating one of these classes. One look into the index for each:
      -- PostgreSQL would rather read every class of the tenant.
      SELECT array_agg(c.id) INTO ended FROM generate_series(1, size) w JOIN LATERAL (
        SELECT c.id FROM classes c WHERE c.tenant_id = whose AND c.id = class_ids[w] AND c.cancelled_at IS NULL
          AND (c.settled_at IS NOT NULL OR c.status IN ('ended', 'reconciling')) LIMIT 1
      ) c ON true
      WHERE tenants[w] = whose AND became[w] = 'accepted';
      IF ended IS NOT NULL THEN
        -- The row lock makes this and a calculation take turns: it has seen the evidence, or finds the note. Not FOR UPDATE, which
        -- would wait for others that have stored evidence of the class, as they for this.
        WITH locked AS (
          SELECT c.id FROM classes c WHERE c.tenant_id = whose AND c.id = ANY (ended) ORDER BY c.id FOR NO KEY UPDATE
        ), noted AS (
          UPDATE classes c SET evidence_pending = true FROM locked WHERE c.tenant_id = whose AND c.id = locked.id
          RETURNING c.id, c.settled_at
        )
        SELECT array_agg(noted.id) FILTER (WHERE noted.settled_at IS NULL), array_agg(noted.id) FILTER (WHERE noted.settled_at IS NOT NULL)
        INTO late_ids, settled_ids FROM noted;
        FOR i IN 1 .. size LOOP
          IF tenants[i] = whose AND became[i] = 'accepted' THEN
            lates[i] := CASE WHEN class_ids[i] = ANY (late_ids) THEN 'waiting' WHEN class_ids[i] = ANY (settled_ids) THEN 'settled' END;
          END IF;
        END LOOP;
      END IF;
    END IF;
    forms[nth_whose] := form;

    IF coalesce(cardinality(stored), 0) + cardinality(known) < mines[nth_whose] THEN
      INSERT INTO set_aside (tenant_id, key_tenant, class_id, source, source_event_id, why, reason, event, room_name, raw, raw_hash)
      SELECT whose, key_tenants[w], class_ids[w], 'livekit', event_ids[w],
        coalesce(whys[w], CASE WHEN class_ids[w] IS NULL THEN 'no_class' ELSE 'conflicting' END),
        CASE WHEN whys[w] IS NOT NULL THEN reasons[w] END, events[w], room_names[w], raws[w],
        encode(sha256(convert_to(raws[w], 'UTF8')), 'hex')
      FROM generate_series(1, size) w
      WHERE tenants[w] IS NOT DISTINCT FROM whose AND became[w] = 'set_aside'
      ORDER BY event_ids[w], raws[w]
      ON CONFLICT DO NOTHING;
    END IF;
  END LOOP;

  FOR w IN 1 .. size LOOP
    n := w; stored_as := became[w]; tenant_id := tenants[w]; class_id := class_ids[w]; late := lates[w];
    identity_form := forms[array_position(whoses, tenants[w])];
    RETURN NEXT;
  END LOOP;
END $$;
--> statement-breakpoint
ALTER FUNCTION rollcall_store_deliveries SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
ALTER FUNCTION rollcall_store_deliveries SET rollcall.tell = 'later';
--> statement-breakpoint
-- Some databases give PUBLIC no rights on functions.
GRANT EXECUTE ON FUNCTION rollcall_store_deliveries TO rollcall_app;
