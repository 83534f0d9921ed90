CREATE TABLE "set_aside" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "set_aside_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text,
	"class_id" uuid,
	"source" text NOT NULL,
	"source_event_id" text NOT NULL,
	"why" text NOT NULL,
	"reason" text,
	"event" text,
	"room_name" text,
	"raw" text NOT NULL,
	"raw_hash" text NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "set_aside_delivery" UNIQUE("source","source_event_id","raw_hash")
);
--> statement-breakpoint
ALTER TABLE "classes" ADD COLUMN "evidence_pending" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "raw" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "occupied" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "set_aside_room" ON "set_aside" USING btree ("room_name") WHERE "set_aside"."why" = 'no_class';--> statement-breakpoint
CREATE INDEX "set_aside_tenant" ON "set_aside" USING btree ("tenant_id","id");--> statement-breakpoint
CREATE INDEX "classes_evidence_pending" ON "classes" USING btree ("settled_at") WHERE "classes"."evidence_pending";--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_room" ON "sessions" USING btree ("room_name") WHERE "sessions"."room_name" is not null;--> statement-breakpoint
-- From here on by hand: rights, row security and the functions that look across tenants.
-- What is nobody's yet has no tenant; anybody may put it there, and nobody sees it.
ALTER TABLE set_aside ENABLE ROW LEVEL SECURITY;
--> statement-breakpoint
ALTER TABLE set_aside FORCE ROW LEVEL SECURITY;
--> statement-breakpoint
CREATE POLICY tenant_rows ON set_aside USING (tenant_id = current_setting('app.tenant', true))
  WITH CHECK (tenant_id IS NULL OR tenant_id = current_setting('app.tenant', true));
--> statement-breakpoint
GRANT SELECT, INSERT ON set_aside TO rollcall_app;
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON set_aside
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_refuse_change();
--> statement-breakpoint
CREATE POLICY owner_reads ON sessions FOR SELECT TO CURRENT_USER USING (true);
--> statement-breakpoint
CREATE POLICY owner_reads ON tenants FOR SELECT TO CURRENT_USER USING (true);
--> statement-breakpoint
CREATE POLICY owner_reads ON set_aside FOR SELECT TO CURRENT_USER USING (true);
--> statement-breakpoint
-- Whose is a room? The n-th of `rooms` belongs to the class that has it; a key that is one tenant's own opens that
-- tenant's rooms only. For a room that no class has: the tenant of the key, else the only one whose pattern it fits,
-- else the only tenant there is. Answers ids and how the tenant writes identities, nothing else.
CREATE FUNCTION rollcall_room_owners(rooms text[], key_tenants text[], default_pattern text)
RETURNS TABLE (n integer, tenant_id text, class_id uuid, identity_form text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT w.n::integer, t.tenant_id, s.class_id, coalesce(t.settings->>'identity_form', 'rollcall')
  FROM unnest(rooms, key_tenants) WITH ORDINALITY AS w(room, key_tenant, n)
  LEFT JOIN sessions s ON s.room_name = w.room AND (w.key_tenant IS NULL OR s.tenant_id = w.key_tenant)
  LEFT JOIN LATERAL (
    SELECT CASE WHEN count(*) = 1 THEN min(f.tenant_id) END AS tenant_id FROM tenants f
    WHERE s.class_id IS NULL AND w.key_tenant IS NULL
      AND w.room LIKE regexp_replace(
        replace(replace(coalesce(f.settings->>'room_pattern', default_pattern), '{tenant}', f.tenant_id), '_', '\_'),
        '\{[a-z\\_]+\}', '%', 'g')
  ) fits ON true
  LEFT JOIN LATERAL (
    SELECT CASE WHEN count(*) = 1 THEN min(o.tenant_id) END AS tenant_id FROM tenants o
    WHERE s.class_id IS NULL AND w.key_tenant IS NULL AND fits.tenant_id IS NULL
  ) only_one ON true
  JOIN tenants t ON t.tenant_id = coalesce(s.tenant_id, w.key_tenant, fits.tenant_id, only_one.tenant_id)
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION rollcall_room_owners(text[], text[], text) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION rollcall_room_owners(text[], text[], text) TO rollcall_app;
--> statement-breakpoint
-- What came for a room before the class that has it was scheduled: the tenant's own, and what was nobody's.
CREATE FUNCTION rollcall_set_aside_for(room text)
RETURNS TABLE (id bigint, raw text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT a.id, a.raw FROM set_aside a
  WHERE a.room_name = room AND a.why = 'no_class'
    AND (a.tenant_id IS NULL OR a.tenant_id = current_setting('app.tenant', true))
    AND EXISTS (SELECT FROM sessions s WHERE s.room_name = room AND s.tenant_id = current_setting('app.tenant', true))
  ORDER BY a.id
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION rollcall_set_aside_for(text) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION rollcall_set_aside_for(text) TO rollcall_app;
--> statement-breakpoint
-- Settled classes that got evidence which nobody calculated: whoever stored it died before.
CREATE FUNCTION rollcall_uncalculated_classes(max_rows integer)
RETURNS TABLE (tenant_id text, class_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT c.tenant_id, c.id FROM classes c
  WHERE c.evidence_pending AND c.settled_at IS NOT NULL AND c.cancelled_at IS NULL
  ORDER BY c.settled_at LIMIT max_rows
$$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION rollcall_uncalculated_classes(integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION rollcall_uncalculated_classes(integer) TO rollcall_app;
--> statement-breakpoint
-- A path that does not name pg_temp is searched there first: anybody's temporary view `sessions` would run as the owner.
DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['rollcall_room_owners(text[], text[], text)', 'rollcall_set_aside_for(text)',
    'rollcall_uncalculated_classes(integer)']
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
  END LOOP;
END $$;
--> statement-breakpoint
-- Stores signed deliveries of whatever tenants in one statement and one commit: each tenant's rows under its own name, so
-- that row security holds here as everywhere. `told` is a list of objects:
--   key_tenant, room_name, event_id, event, raw, raw_hash; why and reason where it is no evidence; else kind, at,
--   joined_at, connection, room, reason, and identity and hash as each form of identities has them.
-- Answers for each, in its order: what became of it, whose it is, and whether its class has ended already.
CREATE FUNCTION rollcall_store_deliveries(told jsonb, default_pattern text)
RETURNS TABLE (n integer, stored_as text, tenant_id text, class_id uuid, identity_form text, late text)
LANGUAGE plpgsql AS $$
DECLARE
  given jsonb[] := ARRAY(SELECT value FROM jsonb_array_elements(told));
  tenants text[]; class_ids uuid[]; forms text[]; whose text;
  fresh text[]; late_ids uuid[]; settled_ids uuid[];
  same integer[] := '{}'; taken integer[] := '{}'; after_end integer[] := '{}'; after_settling integer[] := '{}';
BEGIN
  SELECT array_agg(o.tenant_id ORDER BY w.n), array_agg(o.class_id ORDER BY w.n), array_agg(o.identity_form ORDER BY w.n)
  INTO tenants, class_ids, forms
  FROM generate_series(1, cardinality(given)) w(n)
  LEFT JOIN rollcall_room_owners(
    ARRAY(SELECT coalesce(g->>'room_name', '') FROM unnest(given) WITH ORDINALITY d(g, k) ORDER BY k),
    ARRAY(SELECT g->>'key_tenant' FROM unnest(given) WITH ORDINALITY d(g, k) ORDER BY k),
    default_pattern) o ON o.n = w.n;

  -- In one order for everybody, so that two who store at once never wait for each other in a circle. NULL is nobody's.
  FOR whose IN SELECT DISTINCT t FROM unnest(tenants) t ORDER BY 1 NULLS FIRST LOOP
    PERFORM set_config('app.tenant', coalesce(whose, ''), true);

    IF whose IS NOT NULL THEN
      WITH v AS (
        SELECT d.ordinality::integer AS n, d.value->>'event_id' AS event_id, d.value AS one,
          CASE WHEN forms[d.ordinality] = 'itqan' THEN 'itqan' ELSE 'rollcall' END AS form
        FROM unnest(given) WITH ORDINALITY d(value, ordinality)
        WHERE tenants[d.ordinality] = whose AND class_ids[d.ordinality] IS NOT NULL AND d.value->>'why' IS NULL
      ), stored AS (
        INSERT INTO events (tenant_id, class_id, source, source_event_id, kind, at, joined_at, connection, room, identity,
          reason, content_hash, raw)
        SELECT whose, class_ids[v.n], 'livekit', v.event_id, one->>'kind', (one->>'at')::timestamptz,
          (one->>'joined_at')::timestamptz, one->>'connection', one->>'room', one->'identity'->>form, one->>'reason',
          one->'hash'->>form, one->>'raw'
        FROM v ORDER BY v.event_id, v.n
        ON CONFLICT DO NOTHING RETURNING source_event_id
      )
      SELECT coalesce(array_agg(source_event_id), '{}') INTO fresh FROM stored;

      -- Of two under one id in here the first was stored.
      WITH v AS (
        SELECT d.ordinality::integer AS n, d.value->>'event_id' AS event_id,
          d.value->'hash'->>CASE WHEN forms[d.ordinality] = 'itqan' THEN 'itqan' ELSE 'rollcall' END AS hash,
          row_number() OVER (PARTITION BY d.value->>'event_id' ORDER BY d.ordinality) = 1
            AND d.value->>'event_id' = ANY (fresh) AS is_fresh
        FROM unnest(given) WITH ORDINALITY d(value, ordinality)
        WHERE tenants[d.ordinality] = whose AND class_ids[d.ordinality] IS NOT NULL AND d.value->>'why' IS NULL
      )
      SELECT taken || coalesce(array_agg(v.n) FILTER (WHERE v.is_fresh), '{}'),
        same || coalesce(array_agg(v.n) FILTER (WHERE NOT v.is_fresh AND EXISTS (
          SELECT FROM events e WHERE e.tenant_id = whose AND e.source = 'livekit' AND e.source_event_id = v.event_id
            AND e.class_id = class_ids[v.n] AND e.content_hash = v.hash)), '{}')
      INTO taken, same FROM v;

      -- The row lock makes this and a calculation take turns: it has seen the evidence, or finds the note.
      WITH ended AS (
        SELECT c.id FROM classes c
        WHERE c.tenant_id = whose AND c.cancelled_at IS NULL AND (c.settled_at IS NOT NULL OR c.status IN ('ended', 'reconciling'))
          AND c.id IN (SELECT class_ids[t] FROM unnest(taken) t WHERE tenants[t] = whose)
        ORDER BY c.id FOR UPDATE
      ), noted AS (
        UPDATE classes c SET evidence_pending = true FROM ended WHERE c.tenant_id = whose AND c.id = ended.id
        RETURNING c.id, c.settled_at
      )
      SELECT array_agg(noted.id) FILTER (WHERE noted.settled_at IS NULL), array_agg(noted.id) FILTER (WHERE noted.settled_at IS NOT NULL)
      INTO late_ids, settled_ids FROM noted;
      after_end := after_end || coalesce((SELECT array_agg(t) FROM unnest(taken) t
        WHERE tenants[t] = whose AND class_ids[t] = ANY (late_ids)), '{}');
      after_settling := after_settling || coalesce((SELECT array_agg(t) FROM unnest(taken) t
        WHERE tenants[t] = whose AND class_ids[t] = ANY (settled_ids)), '{}');
    END IF;

    INSERT INTO set_aside (tenant_id, class_id, source, source_event_id, why, reason, event, room_name, raw, raw_hash)
    SELECT whose, class_ids[d.ordinality], 'livekit', d.value->>'event_id',
      coalesce(d.value->>'why', CASE WHEN class_ids[d.ordinality] IS NULL THEN 'no_class' ELSE 'conflicting' END),
      CASE WHEN d.value->>'why' IS NOT NULL THEN d.value->>'reason' END, d.value->>'event', d.value->>'room_name',
      d.value->>'raw', d.value->>'raw_hash'
    FROM unnest(given) WITH ORDINALITY d(value, ordinality)
    WHERE tenants[d.ordinality] IS NOT DISTINCT FROM whose
      AND d.ordinality <> ALL (taken) AND d.ordinality <> ALL (same)
    ORDER BY d.value->>'event_id', d.value->>'raw_hash'
    ON CONFLICT DO NOTHING;
  END LOOP;

  RETURN QUERY SELECT w.n,
    CASE WHEN w.n = ANY (taken) THEN 'accepted' WHEN w.n = ANY (same) THEN 'duplicate' ELSE 'set_aside' END,
    tenants[w.n], class_ids[w.n], forms[w.n],
    CASE WHEN w.n = ANY (after_end) THEN 'waiting' WHEN w.n = ANY (after_settling) THEN 'settled' END
  FROM generate_series(1, cardinality(given)) w(n) ORDER BY w.n;
END $$;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION rollcall_store_deliveries(jsonb, text) TO rollcall_app;
