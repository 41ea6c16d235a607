CREATE TYPE public.checkout_state AS ENUM (
    'open',
    'done',
    'refused'
);

CREATE TABLE public.tally_clock (
    one boolean DEFAULT true NOT NULL,
    shift interval DEFAULT '00:00:00'::interval NOT NULL,
    CONSTRAINT tally_clock_one_check CHECK (one)
);

CREATE FUNCTION public.tally_now() RETURNS timestamp with time zone
    LANGUAGE sql
    RETURN (clock_timestamp() + (SELECT tally_clock.shift FROM public.tally_clock));

CREATE TABLE public.add_keys (
    user_id bigint NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL
);

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

CREATE TABLE public.cart_items (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    sku bigint NOT NULL,
    count integer NOT NULL,
    name text NOT NULL,
    price bigint NOT NULL,
    CONSTRAINT cart_items_count_check CHECK (((count >= 1) AND (count <= 65535))),
    CONSTRAINT cart_items_name_check CHECK ((char_length(name) <= 500)),
    CONSTRAINT cart_items_sku_check CHECK (((sku >= 1) AND (sku <= '4294967295'::bigint)))
);

ALTER TABLE public.cart_items ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.cart_items_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.carts (
    user_id bigint NOT NULL,
    CONSTRAINT carts_user_id_check CHECK ((user_id > 0))
);

CREATE TABLE public.checkout_keys (
    user_id bigint NOT NULL,
    key text NOT NULL,
    checkout_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.checkout_lines (
    checkout_id uuid NOT NULL,
    line_id bigint NOT NULL,
    sku bigint NOT NULL,
    count integer NOT NULL,
    name text NOT NULL,
    price bigint NOT NULL
);

CREATE TABLE public.checkouts (
    id uuid NOT NULL,
    user_id bigint NOT NULL,
    state public.checkout_state NOT NULL,
    frozen_at timestamp with time zone NOT NULL,
    decide_before timestamp with time zone NOT NULL,
    claimed_until timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    order_id bigint,
    refusal jsonb,
    CONSTRAINT checkouts_check CHECK (((state = 'open'::public.checkout_state) = (closed_at IS NULL))),
    CONSTRAINT checkouts_check1 CHECK (((state <> 'open'::public.checkout_state) OR (order_id IS NULL))),
    CONSTRAINT checkouts_check2 CHECK (((state <> 'done'::public.checkout_state) OR (order_id IS NOT NULL))),
    CONSTRAINT checkouts_check3 CHECK (((state = 'refused'::public.checkout_state) = (refusal IS NOT NULL)))
);

ALTER TABLE ONLY public.add_keys
    ADD CONSTRAINT add_keys_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cart_items
    ADD CONSTRAINT cart_items_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.cart_items
    ADD CONSTRAINT cart_items_user_id_sku_key UNIQUE (user_id, sku);

ALTER TABLE ONLY public.carts
    ADD CONSTRAINT carts_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY public.checkout_keys
    ADD CONSTRAINT checkout_keys_pkey PRIMARY KEY (user_id, key);

ALTER TABLE ONLY public.checkout_lines
    ADD CONSTRAINT checkout_lines_pkey PRIMARY KEY (checkout_id, sku);

ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tally_clock
    ADD CONSTRAINT tally_clock_pkey PRIMARY KEY (one);

CREATE INDEX add_keys_by_age ON public.add_keys USING btree (created_at);

CREATE INDEX checkout_keys_by_age ON public.checkout_keys USING btree (created_at);

CREATE INDEX checkout_keys_by_checkout ON public.checkout_keys USING btree (checkout_id);

CREATE INDEX checkouts_last_done ON public.checkouts USING btree (user_id, closed_at DESC) WHERE (state = 'done'::public.checkout_state);

CREATE UNIQUE INDEX checkouts_one_open ON public.checkouts USING btree (user_id) WHERE (state = 'open'::public.checkout_state);

CREATE INDEX checkouts_to_resume ON public.checkouts USING btree (claimed_until) WHERE (state = 'open'::public.checkout_state);

ALTER TABLE ONLY public.cart_items
    ADD CONSTRAINT cart_items_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.carts(user_id);

ALTER TABLE ONLY public.checkout_keys
    ADD CONSTRAINT checkout_keys_checkout_id_fkey FOREIGN KEY (checkout_id) REFERENCES public.checkouts(id);

ALTER TABLE ONLY public.checkout_lines
    ADD CONSTRAINT checkout_lines_checkout_id_fkey FOREIGN KEY (checkout_id) REFERENCES public.checkouts(id);

ALTER TABLE ONLY public.checkouts
    ADD CONSTRAINT checkouts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.carts(user_id);
