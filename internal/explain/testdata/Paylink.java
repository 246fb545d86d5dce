// Prints testdata/paylink_java.json: requests of the Payrexx family with wrong
// signatures, made with Java's own classes.
//
//     java testdata/Paylink.java > testdata/paylink_java.json

import java.net.URLEncoder;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class Paylink {
    static final String SECRET = "test-secret-of-the-shop";
    static final List<String> cases = new ArrayList<>();

    static String encode(String s) {
        return URLEncoder.encode(s, StandardCharsets.UTF_8);
    }

    static String urlencode(String s) {
        return encode(s).replace("*", "%2A");
    }

    static String build(Map<String, String> params, UnaryOperator<String> name, UnaryOperator<String> value) {
        return params.entrySet().stream().map(e -> name.apply(e.getKey()) + "=" + value.apply(e.getValue())).collect(Collectors.joining("&"));
    }

    static String php(Map<String, String> params) {
        return build(params, Paylink::urlencode, Paylink::urlencode);
    }

    static byte[] mac(String algorithm, byte[] secret, String text) throws Exception {
        Mac mac = Mac.getInstance(algorithm);
        mac.init(new SecretKeySpec(secret, algorithm));
        return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    }

    static byte[] mac(String text) throws Exception {
        return mac("HmacSHA256", SECRET.getBytes(StandardCharsets.UTF_8), text);
    }

    static String base64(byte[] b) {
        return Base64.getEncoder().encodeToString(b);
    }

    static String quote(String s) {
        return s.chars().mapToObj(c -> c < ' ' || c > '~' || c == '"' || c == '\\' ? String.format("\\u%04x", c) : String.valueOf((char) c))
                .collect(Collectors.joining("", "\"", "\""));
    }

    static void wrong(String mistakes, String signed, Map<String, String> params, String signature, String secret) {
        String body = php(params).replace("+", "%20").replace("%7E", "~") + "&ApiSignature=" + urlencode(signature);
        String names = mistakes.lines().map(Paylink::quote).collect(Collectors.joining(", "));
        cases.add(" {\"mistakes\": [" + names + "], \"language\": \"Java\", \"method\": \"POST\", \"url\": \"/v1.0/Gateway/17/?instance=example\",\n"
                + "  \"type\": \"application/x-www-form-urlencoded\", \"body\": " + quote(body) + ",\n  \"secret\": " + quote(secret)
                + ", \"string_to_sign\": " + quote(php(params)) + ",\n  \"signed\": " + quote(signed) + "}");
    }

    static void wrong(String mistakes, String signed, Map<String, String> params) throws Exception {
        wrong(mistakes, signed, params, base64(mac(signed)), SECRET);
    }

    static Map<String, String> map(String... pairs) {
        Map<String, String> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put(pairs[i], pairs[i + 1]);
        }
        return map;
    }

    public static void main(String[] args) throws Exception {
        Map<String, String> odd = map("purpose", "It's (50 * 2)!", "felder[gr\u00f6\u00dfe]", "b~c/d+e");
        Map<String, String> shop = map("title", "Test", "description", "A test", "referenceId", "12345678", "purpose", "Test", "amount", "200", "currency", "EUR");
        Map<String, String> large = new LinkedHashMap<>();
        for (int i = 0; i < 30; i++) {
            large.put("fields[" + i + "][gr\u00f6\u00dfe]", "" + i);
        }

        wrong("* is not escaped (Java, URLSearchParams, Ruby)", build(odd, Paylink::encode, Paylink::encode), odd);
        wrong("names are not escaped", build(odd, n -> n, Paylink::encode), odd); // the sample of the vendor's reference
        wrong("a space is signed as %20", build(shop, Paylink::encode, v -> encode(v).replace("+", "%20")), shop);
        wrong("nothing is escaped", build(odd, n -> n, v -> v), odd);
        wrong("the parameters are escaped twice to be signed", build(odd, Paylink::urlencode, v -> urlencode(urlencode(v))), odd);
        wrong("the parameters are escaped twice to be signed", build(odd, n -> urlencode(urlencode(n)), v -> urlencode(urlencode(v))), odd);
        Charset latin1 = StandardCharsets.ISO_8859_1;
        Map<String, String> text = map("name", "J\u00fcrg M\u00fcller", "note", "5 \u20ac");
        wrong("the text is signed in Latin-1", build(text, n -> n, v -> URLEncoder.encode(v, latin1)), text);
        wrong("the text is put into UTF-8 twice to be signed",
                build(text, n -> n, v -> encode(new String(v.getBytes(StandardCharsets.UTF_8), latin1))), text);

        wrong("the parameters are signed in the order of a Java HashMap", php(new HashMap<>(shop)), shop);
        wrong("the parameters are signed in the order of a Java HashMap", php(new HashMap<>(large)), large);
        wrong("the parameters are sorted to be signed", php(new TreeMap<>(shop)), shop);
        wrong("the parameters are sorted to be signed", php(new TreeMap<>(map("b", "1", "Z", "2"))), map("b", "1", "Z", "2"));
        TreeMap<String, String> insensitive = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        insensitive.putAll(map("Z", "2", "b", "1"));
        wrong("the parameters are sorted to be signed", php(insensitive), map("Z", "2", "b", "1"));
        Map<String, String> more = new LinkedHashMap<>(shop);
        more.put("instance", "example");
        wrong("the instance is signed", php(more), shop);
        wrong("an empty value is signed as the text of null", "a=" + (Object) null, map("a", ""));
        wrong("true and false are sent as 1 and 0, and signed as text", "a=" + true + "&b=" + false, map("a", "1", "b", "0"));
        wrong("nested names are signed with dots", "basket%5B0%5D.name=x&basket%5B0%5D.amount=1", map("basket[0][name]", "x", "basket[0][amount]", "1"));
        wrong("a newline is signed behind the parameters", String.format("%s\r\n", php(shop)), shop);
        wrong("the id is signed, and not sent", "id=17&" + php(shop), shop);

        String right = php(shop);
        byte[] secret = SECRET.getBytes(StandardCharsets.UTF_8);
        wrong("SHA-1 is used", right, shop, base64(mac("HmacSHA1", secret, right)), SECRET);
        wrong("SHA-512 is used", right, shop, base64(mac("HmacSHA512", secret, right)), SECRET);
        wrong("MD5 is used", right, shop, base64(mac("HmacMD5", secret, right)), SECRET);
        wrong("key and message are swapped", right, shop, base64(mac("HmacSHA256", right.getBytes(StandardCharsets.UTF_8), SECRET)), SECRET);
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(right.getBytes(StandardCharsets.UTF_8));
        wrong("a plain hash is made, and no HMAC", right, shop, base64(digest.digest()), SECRET);
        digest.update((right + SECRET).getBytes(StandardCharsets.UTF_8));
        wrong("a plain hash is made, and no HMAC", right, shop, base64(digest.digest()), SECRET);
        wrong("the secret is empty, undefined or null", right, shop,
                base64(mac("HmacSHA256", String.valueOf((Object) null).getBytes(StandardCharsets.UTF_8), right)), SECRET);
        String coded = "bm90IGEgcmVhbCBzZWNyZXQgYXQgYWxs";
        wrong("the secret is decoded from base64", right, shop, base64(mac("HmacSHA256", Base64.getDecoder().decode(coded), right)), coded);
        coded = "6e6f742061207265616c20736563726574";
        wrong("the secret is decoded from hexadecimal digits", right, shop, base64(mac("HmacSHA256", HexFormat.of().parseHex(coded), right)), coded);
        wrong("the signature is in hexadecimal digits", right, shop, HexFormat.of().formatHex(mac(right)), SECRET);
        wrong("the signature is in upper-case hexadecimal digits", right, shop, HexFormat.of().withUpperCase().formatHex(mac(right)), SECRET);
        int n = 0;
        while (!base64(mac("n=" + n)).contains("+")) {
            n++;
        }
        wrong("the signature is in base64url", "n=" + n, map("n", "" + n), Base64.getUrlEncoder().encodeToString(mac("n=" + n)), SECRET);
        wrong("the signature is in base64 without padding", right, shop, Base64.getEncoder().withoutPadding().encodeToString(mac(right)), SECRET);
        wrong("the signature is sent escaped twice", right, shop, urlencode(base64(mac(right))), SECRET);
        wrong("white space around the signature", right, shop, base64(mac(right)) + "\r\n", SECRET);

        Map<String, String> starred = new LinkedHashMap<>(shop);
        starred.put("title", "*");
        wrong("the parameters are signed in the order of a Java HashMap\n* is not escaped (Java, URLSearchParams, Ruby)",
                build(new HashMap<>(starred), Paylink::encode, Paylink::encode), starred);

        System.out.println("[\n" + String.join(",\n", cases) + "\n]");
    }
}
