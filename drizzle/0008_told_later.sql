-- By hand: PostgreSQL lets one transaction at a time commit its notices, so two batches of deliveries would wait for each
-- other's disk. Whoever stores them tells of them after the commit, and says so beforehand.
DROP TRIGGER tell_inserted ON events;
--> statement-breakpoint
CREATE TRIGGER tell_inserted AFTER INSERT ON events REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
  WHEN (current_setting('rollcall.tell', true) IS DISTINCT FROM 'later') EXECUTE FUNCTION rollcall_tell_change();
--> statement-breakpoint
DROP TRIGGER tell_inserted ON class_identities;
--> statement-breakpoint
CREATE TRIGGER tell_inserted AFTER INSERT ON class_identities REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
  WHEN (current_setting('rollcall.tell', true) IS DISTINCT FROM 'later') EXECUTE FUNCTION rollcall_tell_change();
--> statement-breakpoint
DROP TRIGGER tell_updated ON class_identities;
--> statement-breakpoint
CREATE TRIGGER tell_updated AFTER UPDATE ON class_identities REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
  WHEN (current_setting('rollcall.tell', true) IS DISTINCT FROM 'later') EXECUTE FUNCTION rollcall_tell_change();
--> statement-breakpoint
-- Stores signed deliveries of whatever tenants in one statement and one commit: each tenant's rows under its own name, so
-- that row security holds here as everywhere. `told` is a list of objects with the columns of rollcall_delivery.
-- Answers for each, in its order: what became of it, whose it is, and whether its class has ended already. Tells nobody.
CREATE OR REPLACE FUNCTION rollcall_store_deliveries(told json, default_pattern text)
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
        -- One look into the index for each: PostgreSQL would rather read every event of the tenant.
        SELECT coalesce(array_agg(d.ordinality), '{}') INTO known
        FROM unnest(given) WITH ORDINALITY d JOIN LATERAL (
          SELECT e.class_id, e.content_hash FROM events e
          WHERE e.tenant_id = whose AND e.source = 'livekit' AND e.source_event_id = d.event_id LIMIT 1
        ) e ON e.class_id = class_ids[d.ordinality]
          AND e.content_hash = CASE WHEN forms[d.ordinality] = 'itqan' THEN coalesce(d.itqan_hash, d.hash) ELSE d.hash END
        WHERE d.ordinality = ANY (other);
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
      SELECT whose, class_ids[d.ordinality], 'livekit', d.event_id,
        coalesce(d.why, CASE WHEN class_ids[d.ordinality] IS NULL THEN 'no_class' ELSE 'conflicting' END),
        CASE WHEN d.why IS NOT NULL THEN d.reason END, d.event, d.room_name, d.raw, d.raw_hash
      FROM unnest(given) WITH ORDINALITY d
      WHERE tenants[d.ordinality] IS NOT DISTINCT FROM whose AND d.ordinality <> ALL (fresh) AND d.ordinality <> ALL (known)
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
ALTER FUNCTION rollcall_store_deliveries(json, text) SET plan_cache_mode = force_generic_plan;
--> statement-breakpoint
ALTER FUNCTION rollcall_store_deliveries(json, text) SET rollcall.tell = 'later';
