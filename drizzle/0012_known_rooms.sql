-- By hand: a server that has seen a room before says whose it is, and a batch in which all is as usual is little more than one
-- INSERT. What only some batches need is no longer done for each.
DROP FUNCTION rollcall_store_deliveries(text, text[], text[], text[], text[], text[], text[], text[], text[], text[],
  float8[], float8[], text[], text[], text[], text[], text[], text[]);
--> statement-breakpoint
-- Stores signed deliveries of whatever tenants in one statement and one commit: each tenant's rows under its own name, so
-- that row security holds here as everywhere. Every array has one element for each delivery, or none where all would be NULL
-- (not so event_ids); instants are UTC milliseconds. `tenants` and `class_ids` say whose the room is, both or neither; raises
-- when that is so no longer. `whys` says why it is no evidence, with its reason in `reasons`.
-- Answers for each, in its order: what became of it, whose it is, and whether its class has ended already. Tells nobody.
CREATE FUNCTION rollcall_store_deliveries(
  default_pattern text, tenants text[], class_ids uuid[], key_tenants text[], room_names text[], event_ids text[], events text[],
  raws text[], raw_hashes text[], whys text[], reasons text[], kinds text[], ats float8[], joined_ats float8[],
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
  IF array_position(class_ids, NULL) IS NOT NULL THEN
    unknown := ARRAY(SELECT w FROM generate_series(1, size) w WHERE class_ids[w] IS NULL);
    FOR owner IN SELECT o.n, o.tenant_id, o.class_id FROM rollcall_room_owners(
      ARRAY(SELECT coalesce(room_names[u], '') FROM unnest(unknown) u), ARRAY(SELECT key_tenants[u] FROM unnest(unknown) u),
      default_pattern) o
    LOOP
      tenants[unknown[owner.n]] := owner.tenant_id;
      class_ids[unknown[owner.n]] := owner.class_id;
    END LOOP;
  END IF;

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
      INSERT INTO set_aside (tenant_id, class_id, source, source_event_id, why, reason, event, room_name, raw, raw_hash)
      SELECT whose, class_ids[w], 'livekit', event_ids[w],
        coalesce(whys[w], CASE WHEN class_ids[w] IS NULL THEN 'no_class' ELSE 'conflicting' END),
        CASE WHEN whys[w] IS NOT NULL THEN reasons[w] END, events[w], room_names[w], raws[w], raw_hashes[w]
      FROM generate_series(1, size) w
      WHERE tenants[w] IS NOT DISTINCT FROM whose AND became[w] = 'set_aside'
      ORDER BY event_ids[w], raw_hashes[w]
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
