<?php
// Answers questions about PHP's own functions. A question is one byte that
// names the operation, the argument's length (32 bits, big-endian) and the
// argument; the answer is the number of strings, then each with its length.
declare(strict_types=1);
error_reporting(0);

function rebuild(string $s): string
{
    parse_str($s, $a);
    return http_build_query($a, '', '&');
}

// A parser that does not nest: names are text, brackets and all.
function flat(string $s): string
{
    $out = [];
    foreach (explode('&', $s) as $pair) {
        if ($pair === '') {
            continue;
        }
        [$name, $value] = explode('=', $pair, 2) + [1 => ''];
        $out[] = urlencode(rawurldecode($name)) . '=' . urlencode(rawurldecode($value));
    }
    return implode('&', $out);
}

// A parser that nests by hand: the first match of the pattern is the name, the
// others are the names within it. A plus sign is a plus sign.
function nested(string $s, string $pattern): string
{
    $out = [];
    foreach (explode('&', $s) as $pair) {
        if ($pair === '') {
            continue;
        }
        [$name, $value] = explode('=', $pair, 2) + [1 => ''];
        preg_match_all($pattern, rawurldecode($name), $matches);
        if ($matches[1] === []) {
            continue;
        }
        $in = &$out;
        foreach ($matches[1] as $key) {
            $in = is_array($in) ? $in : [];
            $in = &$in[$key];
        }
        $in = rawurldecode($value);
        unset($in);
    }
    return http_build_query($out, '', '&');
}

// What 2Checkout's buy links and return URLs are signed over, as its plugins make it.
function serialized(array $parameters): string
{
    ksort($parameters);
    $s = '';
    foreach ($parameters as $value) {
        $s .= strlen($value) . $value;
    }
    return $s;
}

// Every name and value in $a, in turn.
function leaves(array $a, string $prefix = ''): array
{
    $out = [];
    foreach ($a as $key => $value) {
        $name = $prefix === '' ? (string) $key : $prefix . '[' . $key . ']';
        array_push($out, ...(is_array($value) ? leaves($value, $name) : [$name, $value]));
    }
    return $out;
}

// The names of everything in $a but nulls, in turn with the text of the value.
function texts(array $a): array
{
    $out = [];
    foreach (array_chunk(leaves($a), 2) as [$name, $value]) {
        if ($value !== null) {
            array_push($out, $name, is_bool($value) ? (string) (int) $value : (string) $value);
        }
    }
    return $out;
}

$operations = [
    // What five parsers make of a form, each built up again: parse_str, parse_str
    // that keeps plus signs, one that does not nest, one that divides names at every
    // bracket, and one that takes what stands between brackets if there is anything.
    // Then the names and values that PHP sees.
    'f' => function (string $s): array {
        parse_str($s, $a);
        return [rebuild($s), rebuild(str_replace('+', '%2B', $s)), flat($s),
            nested($s, '/([^\[\]]+)/'), nested($s, '/(?|^([^\[]+)|\[([^\[\]]+)\])/'), ...leaves($a)];
    },
    // What $_REQUEST is of a query and a form, which a line feed divides, and what a
    // reader makes of the query that does not nest; each built up again.
    'm' => function (string $s): array {
        [$query, $form] = explode("\n", $s, 2);
        parse_str($query, $get);
        parse_str($form, $post);
        $flat = [];
        foreach (array_filter(explode('&', $query), 'strlen') as $pair) {
            [$name, $value] = explode('=', $pair, 2) + [1 => ''];
            $flat[urldecode($name)] = urldecode($value);
        }
        return [http_build_query(array_replace_recursive($get, $post), '', '&'), http_build_query($flat, '', '&')];
    },
    // A link of 2Checkout's: of names and values in turn, each urlencoded and with a
    // space between, behind the secret word, the query, its signature as a buy link,
    // over the 21 names of the vendor's plugins, and that as a return URL.
    'l' => function (string $s): array {
        $texts = array_map('urldecode', explode(' ', $s));
        $word = array_shift($texts);
        $parameters = [];
        foreach (array_chunk($texts, 2) as [$name, $value]) {
            $parameters[$name] = $value;
        }
        $names = ['return-url', 'return-type', 'expiration', 'order-ext-ref', 'item-ext-ref', 'lock', 'cust-params',
            'customer-ref', 'customer-ext-ref', 'currency', 'prod', 'price', 'qty', 'tangible', 'type', 'opt', 'coupon',
            'description', 'recurrence', 'duration', 'renewal-price'];
        $signed = array_intersect_key($parameters, array_flip($names));
        return [http_build_query($parameters),
            hash_hmac('sha256', serialized($signed), $word), hash_hmac('sha256', serialized($parameters), $word)];
    },
    // The string to sign of a request that a gateway reads in its own way: the letters
    // of that, the Content-Type, the query and the body, divided by line feeds. q keeps
    // plus signs in a query, b decodes them in a form, m merges the two, j knows no
    // JSON, t minds the type, f does not nest.
    'r' => function (string $s): array {
        [$letters, $type, $query, $body] = explode("\n", $s, 4);
        $is = fn (string $letter): bool => str_contains($letters, $letter);
        $read = function (string $s, bool $keepPlus) use ($is): array {
            $s = $keepPlus ? str_replace('+', '%2B', $s) : $s;
            if (!$is('f')) {
                parse_str($s, $params);
                return $params;
            }
            $params = [];
            foreach (array_filter(explode('&', $s), 'strlen') as $pair) {
                [$name, $value] = explode('=', $pair, 2) + [1 => ''];
                $params[urldecode($name)] = urldecode($value);
            }
            return $params;
        };
        $get = $read($query, $is('q'));
        if ($body === '') {
            return [http_build_query($get, '', '&')];
        }
        $media = strtolower(preg_split('/[;, ]/', $type)[0]);
        $post = null;
        if (!$is('j') && (!$is('t') || $media === 'application/json')) {
            $value = json_decode($body, true);
            $post = json_last_error() !== JSON_ERROR_NONE ? null : (is_array($value) ? $value : []);
        }
        if ($post === null) {
            $post = !$is('t') || $media === 'application/x-www-form-urlencoded' ? $read($body, !$is('b')) : [];
        }
        return [http_build_query($is('m') ? array_replace_recursive($get, $post) : $post, '', '&')];
    },
    // What json_decode makes of a document, as arrays and as objects, each
    // built up again. No answers if it is neither an array nor an object.
    'j' => function (string $s): array {
        $a = json_decode($s, true);
        $o = json_decode($s);
        return !is_array($a) ? [] : [
            http_build_query($a, '', '&'),
            $o === null ? 'json_decode: ' . json_last_error_msg() : http_build_query($o, '', '&'),
        ];
    },
    // A signed JSON object: the last member's name, the signature, and what is
    // left without it, as arrays and as objects, each built up again; then the
    // names and values in it.
    'J' => function (string $s): array {
        $a = json_decode($s, true);
        $o = json_decode($s);
        if (!is_array($a) || !is_object($o)) {
            return ['json_decode: ' . json_last_error_msg()];
        }
        $last = array_key_last($a);
        $signature = $a['ApiSignature'];
        unset($a['ApiSignature'], $o->ApiSignature);
        return [(string) $last, $signature, http_build_query($a, '', '&'), http_build_query($o, '', '&'), ...texts($a)];
    },
];

while (($head = fread(STDIN, 5)) !== false && strlen($head) === 5) {
    $length = unpack('N', $head, 1)[1];
    $argument = $length > 0 ? stream_get_contents(STDIN, $length) : '';
    $answers = $operations[$head[0]]($argument);
    $reply = pack('N', count($answers));
    foreach ($answers as $answer) {
        $reply .= pack('N', strlen($answer)) . $answer;
    }
    fwrite(STDOUT, $reply);
}
