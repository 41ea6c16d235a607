CREATE TYPE public.movement_kind AS ENUM (
    'receipt',
    'reserve',
    'release',
    'ship',
    'adjust'
);

CREATE TYPE public.order_cause AS ENUM (
    'shortage',
    'checkout expired',
    'shopper',
    'payment expired'
);

CREATE TYPE public.order_status AS ENUM (
    'new',
    'awaiting payment',
    'failed',
    'payed',
    'cancelled'
);

CREATE TABLE public.tally_clock (
    one boolean DEFAULT true NOT NULL,
    shift interval DEFAULT '00:00:00'::interval NOT NULL,
    CONSTRAINT tally_clock_one_check CHECK (one)
);

CREATE FUNCTION public.tally_now() RETURNS timestamp with time zone
    LANGUAGE sql
    RETURN (clock_timestamp() + (SELECT tally_clock.shift FROM public.tally_clock));

CREATE TABLE public.audit (
    id bigint NOT NULL,
    moment timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL
);

ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.leases (
    name text NOT NULL,
    holder uuid NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.order_events (
    "position" bigint NOT NULL,
    order_id bigint NOT NULL,
    version integer NOT NULL,
    status public.order_status NOT NULL,
    cause public.order_cause,
    moment timestamp with time zone NOT NULL,
    traceparent text,
    log_partition integer,
    log_offset bigint,
    quarantine text,
    skipped boolean DEFAULT false NOT NULL,
    CONSTRAINT order_events_check CHECK (((log_partition IS NULL) = (log_offset IS NULL))),
    CONSTRAINT order_events_check1 CHECK (((quarantine IS NULL) OR (log_offset IS NULL))),
    CONSTRAINT order_events_version_check CHECK ((version > 0))
);

ALTER TABLE public.order_events ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.order_events_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE public.order_ids
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.order_keys (
    user_id bigint NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    order_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.order_lines (
    order_id bigint NOT NULL,
    sku bigint NOT NULL,
    count integer NOT NULL,
    name text NOT NULL,
    price bigint NOT NULL,
    CONSTRAINT order_lines_count_check CHECK (((count >= 1) AND (count <= 65535)))
);

CREATE TABLE public.orders (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    status public.order_status NOT NULL,
    cause public.order_cause,
    request_id uuid NOT NULL,
    refusal jsonb,
    pay_before timestamp with time zone NOT NULL,
    version integer NOT NULL,
    CONSTRAINT orders_check CHECK (((status = ANY (ARRAY['failed'::public.order_status, 'cancelled'::public.order_status])) = (cause IS NOT NULL))),
    CONSTRAINT orders_check1 CHECK (((status = 'failed'::public.order_status) = (refusal IS NOT NULL))),
    CONSTRAINT orders_user_id_check CHECK ((user_id > 0)),
    CONSTRAINT orders_version_check CHECK ((version > 0))
);

CREATE TABLE public.stock_movements (
    sku bigint NOT NULL,
    order_id bigint,
    kind public.movement_kind NOT NULL,
    total_delta bigint NOT NULL,
    reserved_delta bigint NOT NULL,
    held_delta bigint NOT NULL,
    moment timestamp with time zone NOT NULL
);

CREATE TABLE public.stocks (
    sku bigint NOT NULL,
    total bigint NOT NULL,
    held bigint NOT NULL,
    reserved bigint NOT NULL,
    CONSTRAINT stocks_check CHECK (((reserved >= 0) AND (reserved <= total))),
    CONSTRAINT stocks_held_check CHECK ((held >= 0)),
    CONSTRAINT stocks_sku_check CHECK (((sku >= 1) AND (sku <= '4294967295'::bigint))),
    CONSTRAINT stocks_total_check CHECK ((total >= 0))
);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.order_events
    ADD CONSTRAINT order_events_order_id_version_key UNIQUE (order_id, version);

ALTER TABLE ONLY public.order_events
    ADD CONSTRAINT order_events_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY public.order_keys
    ADD CONSTRAINT order_keys_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY public.order_lines
    ADD CONSTRAINT order_lines_pkey PRIMARY KEY (order_id, sku);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_request_id_key UNIQUE (request_id);

ALTER TABLE ONLY public.stock_movements
    ADD CONSTRAINT stock_movements_order_id_sku_kind_key UNIQUE (order_id, sku, kind);

ALTER TABLE ONLY public.stocks
    ADD CONSTRAINT stocks_pkey PRIMARY KEY (sku);

ALTER TABLE ONLY public.tally_clock
    ADD CONSTRAINT tally_clock_pkey PRIMARY KEY (one);

CREATE INDEX order_events_quarantined ON public.order_events USING btree (order_id, version) WHERE ((quarantine IS NOT NULL) AND (log_offset IS NULL));

CREATE INDEX order_events_unpublished ON public.order_events USING btree ("position") WHERE (log_offset IS NULL);

CREATE INDEX order_keys_by_age ON public.order_keys USING btree (created_at);

CREATE INDEX orders_due ON public.orders USING btree (pay_before) WHERE (status = 'awaiting payment'::public.order_status);

CREATE INDEX stock_movements_by_sku ON public.stock_movements USING btree (sku);
