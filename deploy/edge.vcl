vcl 4.1;

# What edge.yaml tells CloudFront, for Varnish 7 before web processes of one's own: the same cache keys, the
# same things dropped, nothing kept that is anybody's. A test compares the two.
#
# Start it with -p http_gzip_support=off (the shop compresses, and each encoding has a tag of its own) and with
# a folder in -p vcl_path that holds backends.vcl: the web processes, and "new shop = directors.round_robin();"
# with each of them in its vcl_init. Their probe asks /healthz, which answers whatever the stores do.

import std;
include "backends.vcl";

sub vcl_recv {
    set req.backend_hint = shop.backend();
    # No path of the shop begins with a percent sign's letters; one that does is an inner path in disguise.
    if (std.tolower(req.url) ~ "^/+(metrics|readyz|healthz)/*($|\?)" || req.url ~ "^/+[^/?]*%") {
        return (synth(404));
    }
    # Not a client's to say.
    if (req.restarts == 0) {
        unset req.http.X-Failed;
    }
    unset req.http.X-Forwarded-Host;
    unset req.http.Forwarded;
    call one_spelling_of_parts;

    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    if (req.url ~ "^/(\?|$)" || req.url ~ "^/products(/|\?|$)") {
        call one_spelling_of_queries;
    } elseif (req.url !~ "^/(static|media)/") {
        return (pass);
    }
    unset req.http.Cookie;
    unset req.http.Authorization;
    call one_spelling_of_encodings;
    if (req.restarts == 0) {
        # stale-while-revalidate of the pages. What is older is shown only where the shop has just failed.
        set req.grace = 1s;
    } else {
        set req.grace = 1d;
    }
    return (hash);
}

sub one_spelling_of_parts {
    if (req.http.HX-Request && !req.http.HX-History-Restore-Request && req.http.HX-Request-Type != "full") {
        set req.http.HX-Request = "true";
        set req.http.HX-Request-Type = "partial";
    } else {
        unset req.http.HX-Request;
        unset req.http.HX-Request-Type;
    }
    unset req.http.HX-History-Restore-Request;
}

# What the pages don't know is dropped, or it would be a cache key of its own; the rest is sorted.
sub one_spelling_of_queries {
    if (req.url ~ "^/products/suggestions\?") {
        set req.url = regsuball(req.url, "(?<=[?&])(?!q(=|&|$))[^&]*(&|$)", "");
    } elseif (req.url ~ "^/products\?") {
        set req.url = regsuball(req.url,
            "(?<=[?&])(?!(category|in_stock|max_price|min_price|page|q|sort|a\.[^=&]*)(=|&|$))[^&]*(&|$)", "");
    } else {
        set req.url = regsub(req.url, "\?.*", "");
    }
    set req.url = std.querysort(regsub(req.url, "[?&]+$", ""));
}

sub one_spelling_of_encodings {
    if (req.http.Accept-Encoding ~ "\bbr\b") {
        set req.http.Accept-Encoding = "br";
    } elseif (req.http.Accept-Encoding ~ "\bgzip\b") {
        set req.http.Accept-Encoding = "gzip";
    } else {
        unset req.http.Accept-Encoding;
    }
}

sub vcl_hash {
    hash_data(req.url);
    hash_data(req.http.Host);
    hash_data(req.http.HX-Request);
    hash_data(req.http.HX-Request-Type);
    return (lookup);
}

sub vcl_backend_response {
    if (bereq.uncacheable) {
        return (deliver);
    }
    if (beresp.status >= 500 && (bereq.is_bgfetch || !bereq.http.X-Failed)) {
        return (abandon);
    }
    # Errors are never kept, nor what says nothing of being kept, nor what makes a cookie.
    if (beresp.status != 200 || !beresp.http.Cache-Control || beresp.http.Set-Cookie) {
        # Remembered for a second as not to be kept, so that those who ask meanwhile don't queue.
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
        return (deliver);
    }
    if (beresp.http.Cache-Control ~ "stale-if-error=\d+") {
        set beresp.grace = std.duration(
            regsub(beresp.http.Cache-Control, "^.*stale-if-error=(\d+).*$", "\1s"), 0s);
    }
}

sub vcl_backend_error {
    if (!bereq.uncacheable && (bereq.is_bgfetch || !bereq.http.X-Failed)) {
        return (abandon);
    }
}

# The shop failed: once more, with a page that is still there, or else with the shop's own words.
sub vcl_synth {
    if (resp.status == 503 && req.restarts == 0) {
        set req.http.X-Failed = "1";
        return (restart);
    }
}

sub vcl_deliver {
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    if (obj.hits > 0) {
        set resp.http.X-Cache = "hit";
    } else {
        set resp.http.X-Cache = "miss";
    }
}
