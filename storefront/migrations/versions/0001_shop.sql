-- The shop's tables as they were first released. Later changes are migrations of their own.

CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS fuzzystrmatch WITH SCHEMA public;

-- unaccent() is only STABLE, since its dictionary can be changed; a generated column needs IMMUTABLE.
-- Naming the dictionary and the schema makes the promise true as long as nobody edits the dictionary.
CREATE FUNCTION fold(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    RETURN lower(public.unaccent('public.unaccent'::regdictionary, value));

CREATE TABLE carts (
    cart_id UUID NOT NULL,
    user_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT carts_pkey PRIMARY KEY (cart_id)
);
CREATE UNIQUE INDEX carts_open_key ON carts (user_id) WHERE closed_at IS NULL;

CREATE TABLE products (
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    price_cents INTEGER NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    category TEXT DEFAULT '' NOT NULL,
    image_url TEXT DEFAULT '' NOT NULL,
    listed BOOLEAN DEFAULT true NOT NULL,
    search TSVECTOR GENERATED ALWAYS AS (setweight(to_tsvector('simple', regexp_replace(fold(name), '[\W_]+', ' ', 'g')), 'A') || setweight(to_tsvector('simple', regexp_replace(fold(category), '[\W_]+', ' ', 'g')), 'B') || setweight(to_tsvector('simple', regexp_replace(fold(description), '[\W_]+', ' ', 'g')), 'D')) STORED NOT NULL,
    CONSTRAINT products_pkey PRIMARY KEY (sku),
    CONSTRAINT products_price_check CHECK (price_cents BETWEEN 0 AND 99999999),
    CONSTRAINT products_sku_check CHECK (char_length(sku) BETWEEN 1 AND 64),
    CONSTRAINT products_name_check CHECK (name <> '')
);
CREATE INDEX products_category_newest_idx ON products (category, created_at DESC, sku) WHERE listed;
CREATE INDEX products_category_price_idx ON products (category, price_cents, sku) WHERE listed;
CREATE INDEX products_newest_idx ON products (created_at DESC, sku) WHERE listed;
CREATE INDEX products_price_idx ON products (price_cents, sku) WHERE listed;
CREATE INDEX products_search_idx ON products USING gin (search);

CREATE TABLE search_words (
    word TEXT NOT NULL,
    products INTEGER NOT NULL,
    CONSTRAINT search_words_pkey PRIMARY KEY (word)
);
CREATE INDEX search_words_word_idx ON search_words USING gin (word gin_trgm_ops);

CREATE TABLE cart_items (
    cart_id UUID NOT NULL,
    sku TEXT NOT NULL,
    qty INTEGER NOT NULL,
    price_cents INTEGER NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT cart_items_pkey PRIMARY KEY (cart_id, sku),
    CONSTRAINT cart_items_qty_check CHECK (qty BETWEEN 1 AND 99),
    CONSTRAINT cart_items_cart_id_fkey FOREIGN KEY(cart_id) REFERENCES carts (cart_id),
    CONSTRAINT cart_items_sku_fkey FOREIGN KEY(sku) REFERENCES products (sku)
);
CREATE INDEX cart_items_sku_idx ON cart_items (sku);

CREATE TABLE orders (
    order_id UUID NOT NULL,
    user_id UUID NOT NULL,
    cart_id UUID NOT NULL,
    status TEXT NOT NULL,
    total_cents INTEGER NOT NULL,
    address TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    number TEXT NOT NULL,
    email TEXT NOT NULL,
    extended_at TIMESTAMP WITH TIME ZONE,
    claimed_until TIMESTAMP WITH TIME ZONE,
    delivery JSONB,
    CONSTRAINT orders_pkey PRIMARY KEY (order_id),
    CONSTRAINT orders_status_check CHECK (status IN ('pending', 'paid', 'preparing', 'shipped', 'delivered', 'expired', 'cancelled', 'refunded')),
    CONSTRAINT orders_total_check CHECK (total_cents BETWEEN 0 AND 99999999),
    CONSTRAINT orders_number_check CHECK (number ~ '^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$'),
    CONSTRAINT orders_expiry_check CHECK (expires_at > created_at),
    CONSTRAINT orders_cart_id_key UNIQUE (cart_id),
    CONSTRAINT orders_cart_id_fkey FOREIGN KEY(cart_id) REFERENCES carts (cart_id),
    CONSTRAINT orders_number_key UNIQUE (number)
);
CREATE INDEX orders_created_idx ON orders (created_at, order_id);
CREATE INDEX orders_lapsing_idx ON orders (expires_at) WHERE status = 'pending';
CREATE INDEX orders_moving_idx ON orders (status) WHERE status IN ('paid', 'preparing', 'shipped');
CREATE INDEX orders_unprojected_idx ON orders (order_id) WHERE (delivery ->> 'projected') = 'false';
CREATE INDEX orders_user_idx ON orders (user_id, created_at, order_id);

CREATE TABLE stock (
    sku TEXT NOT NULL,
    quantity BIGINT DEFAULT '0' NOT NULL,
    reserved BIGINT DEFAULT '0' NOT NULL,
    received BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT stock_pkey PRIMARY KEY (sku),
    CONSTRAINT stock_reserved_check CHECK (reserved >= 0 AND reserved <= quantity),
    CONSTRAINT stock_received_check CHECK (received >= quantity),
    CONSTRAINT stock_sku_fkey FOREIGN KEY(sku) REFERENCES products (sku)
)
 WITH (fillfactor = 70);

CREATE TABLE order_events (
    order_id UUID NOT NULL,
    event_id TEXT NOT NULL,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    kind TEXT NOT NULL,
    data JSONB DEFAULT '{}' NOT NULL,
    mailed_at TIMESTAMP WITH TIME ZONE,
    mail_after TIMESTAMP WITH TIME ZONE,
    CONSTRAINT order_events_pkey PRIMARY KEY (order_id, event_id),
    CONSTRAINT order_events_kind_check CHECK (kind IN ('placed', 'extended', 'payment_started', 'payment_checking', 'payment_open', 'payment_failed', 'paid', 'paid_late', 'expired', 'cancelled', 'reordered', 'refund_due', 'refund_done', 'refund_refused', 'stray_capture', 'stray_refunded', 'disputed', 'address_changed', 'preparing', 'carrier', 'flagged')),
    CONSTRAINT order_events_order_id_fkey FOREIGN KEY(order_id) REFERENCES orders (order_id)
);
CREATE INDEX order_events_mail_idx ON order_events (at) WHERE mailed_at IS NULL;
CREATE INDEX order_events_stray_idx ON order_events (order_id) WHERE kind = 'stray_capture';

CREATE TABLE payments (
    payment_id UUID NOT NULL,
    order_id UUID NOT NULL,
    status TEXT NOT NULL,
    provider TEXT NOT NULL,
    external_ref TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    attempt INTEGER DEFAULT '1' NOT NULL,
    CONSTRAINT payments_pkey PRIMARY KEY (payment_id),
    CONSTRAINT payments_status_check CHECK (status IN ('pending', 'failed', 'captured', 'refunding', 'refunded')),
    CONSTRAINT payments_provider_check CHECK (provider IN ('stripe', 'none')),
    CONSTRAINT payments_attempt_check CHECK (attempt >= 1),
    CONSTRAINT payments_provider_external_ref_key UNIQUE (provider, external_ref),
    CONSTRAINT payments_order_id_key UNIQUE (order_id),
    CONSTRAINT payments_order_id_fkey FOREIGN KEY(order_id) REFERENCES orders (order_id)
);
CREATE INDEX payments_refunding_idx ON payments (order_id) WHERE status = 'refunding';

