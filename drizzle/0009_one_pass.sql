-- By hand: a batch is stored in one pass. A plan for arrays of unknown length compared each of its deliveries with every other,
-- and reading them as JSON and copying them from step to step cost as much as storing them.
DROP FUNCTION rollcall_store_deliveries(json, text);
--> statement-breakpoint
DROP TYPE rollcall_delivery;
--> statement-breakpoint
-- Stores signed deliveries of whatever tenants in one statement and one commit: each tenant's rows under its own name, so
-- that row security holds here as everywhere. Every array has one element for each delivery, or none where all would be NULL
-- (not so event_ids); instants are UTC milliseconds. `whys` says why it is no evidence, with its reason in `reasons`.
-- Answers for each, in its order: what became of it, whose it is, and whether its class has ended already. Tells nobody.
CREATE FUNCTION rollcall_store_deliveries(
  default_pattern text, key_tenants text[], room_names text[], event_ids text[], events text[], raws text[], raw_hashes text[],
  whys text[], reasons text[], kinds text[], ats float8[], joined_ats float8[], connections text[], rooms text[],
  identities text[], hashes text[], itqan_identities text[], itqan_hashes text[])
RETURNS TABLE (n integer, stored_as text, tenant_id text, class_id uuid, identity_form text, late text)
LANGUAGE plpgsql AS $$
DECLARE
  tenants text[]; class_ids uuid[]; forms text[]; whose text; mine integer;
  evidence integer[]; stored text[]; fresh integer[]; other integer[]; known integer[]; ended uuid[]; late_ids uuid[];
  settled_ids uuid[]; i integer; nth integer;
  became text[] := array_fill('set_aside'::text, ARRAY[cardinality(event_ids)]); lates text[];
BEGIN
  SELECT array_agg(o.tenant_id ORDER BY w.n), array_agg(o.class_id ORDER BY w.n), array_agg(o.identity_form ORDER BY w.n)
  INTO tenants, class_ids, forms
  FROM generate_series(1, cardinality(event_ids)) w(n)
  LEFT JOIN rollcall_room_owners(
    ARRAY(SELECT coalesce(room_names[r], '') FROM generate_series(1, cardinality(event_ids)) r), key_tenants, default_pattern) o ON o.n = w.n;

  -- In one order for everybody, so that two who store at once never wait for each other in a circle. NULL is nobody's.
  FOR whose, mine IN SELECT t, count(*) FROM unnest(tenants) t GROUP BY t ORDER BY t NULLS FIRST LOOP
    PERFORM set_config('app.tenant', coalesce(whose, ''), true);
    fresh := '{}'; known := '{}'; other := '{}';

    IF whose IS NOT NULL THEN
      evidence := ARRAY(
        SELECT w FROM generate_series(1, cardinality(event_ids)) w
        WHERE tenants[w] = whose AND class_ids[w] IS NOT NULL AND whys[w] IS NULL ORDER BY event_ids[w], w);
      WITH inserted AS (
        INSERT INTO events AS e (tenant_id, class_id, source, source_event_id, kind, at, joined_at, connection, room, identity,
          reason, content_hash, raw)
        SELECT whose, class_ids[w], 'livekit', event_ids[w], kinds[w], to_timestamp(ats[w] / 1000),
          to_timestamp(joined_ats[w] / 1000), connections[w], rooms[w],
          CASE WHEN forms[w] = 'itqan' AND itqan_hashes[w] IS NOT NULL THEN itqan_identities[w] ELSE identities[w] END,
          reasons[w],
          CASE WHEN forms[w] = 'itqan' AND itqan_hashes[w] IS NOT NULL THEN itqan_hashes[w] ELSE hashes[w] END, raws[w]
        FROM unnest(evidence) w
        ON CONFLICT DO NOTHING RETURNING e.source_event_id
      )
      SELECT array_agg(inserted.source_event_id ORDER BY inserted.source_event_id) INTO stored FROM inserted;
      -- Both are in the order of the ids. Of two under one id in here the first is stored.
      nth := 1;
      FOREACH i IN ARRAY evidence LOOP
        IF event_ids[i] = stored[nth] THEN
          became[i] := 'accepted';
          fresh := fresh || i;
          nth := nth + 1;
        ELSE
          other := other || i;
        END IF;
      END LOOP;

      IF cardinality(other) > 0 THEN
        -- One look into the index for each: PostgreSQL would rather read every event of the tenant.
        SELECT coalesce(array_agg(o.w), '{}') INTO known
        FROM unnest(other) o(w) JOIN LATERAL (
          SELECT e.class_id, e.content_hash FROM events e
          WHERE e.tenant_id = whose AND e.source = 'livekit' AND e.source_event_id = event_ids[o.w] LIMIT 1
        ) e ON e.class_id = class_ids[o.w]
          AND e.content_hash = CASE WHEN forms[o.w] = 'itqan' THEN coalesce(itqan_hashes[o.w], hashes[o.w]) ELSE hashes[o.w] END;
        FOREACH i IN ARRAY known LOOP became[i] := 'duplicate'; END LOOP;
      END IF;

      -- One look into the index for each: PostgreSQL would rather read every class of the tenant.
      SELECT array_agg(touched.id) INTO ended FROM (SELECT DISTINCT class_ids[w] AS id FROM unnest(fresh) w) touched
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
        FOREACH i IN ARRAY fresh LOOP
          lates[i] := CASE WHEN class_ids[i] = ANY (late_ids) THEN 'waiting' WHEN class_ids[i] = ANY (settled_ids) THEN 'settled' END;
        END LOOP;
      END IF;
    END IF;

    IF cardinality(fresh) + cardinality(known) < mine THEN
      INSERT INTO set_aside (tenant_id, class_id, source, source_event_id, why, reason, event, room_name, raw, raw_hash)
      SELECT whose, class_ids[w], 'livekit', event_ids[w],
        coalesce(whys[w], CASE WHEN class_ids[w] IS NULL THEN 'no_class' ELSE 'conflicting' END),
        CASE WHEN whys[w] IS NOT NULL THEN reasons[w] END, events[w], room_names[w], raws[w], raw_hashes[w]
      FROM generate_series(1, cardinality(event_ids)) w
      WHERE tenants[w] IS NOT DISTINCT FROM whose AND became[w] = 'set_aside'
      ORDER BY event_ids[w], raw_hashes[w]
      ON CONFLICT DO NOTHING;
    END IF;
  END LOOP;

  RETURN QUERY SELECT w, became[w], tenants[w], class_ids[w], forms[w], lates[w]
  FROM generate_series(1, cardinality(event_ids)) w ORDER BY w;
END $$;
--> statement-breakpoint
ALTER FUNCTION rollcall_store_deliveries SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
ALTER FUNCTION rollcall_store_deliveries SET rollcall.tell = 'later';
