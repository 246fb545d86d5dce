import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Prints avangate_java.json, see avangate.py: the mistakes that are made in Java. Run with: java
 * Avangate.java > avangate_java.json
 */
public class Avangate {
    static final String CODE = "YOURCODE123";
    static final String KEY = "a-secret-key-of-some-length";
    static final Instant NOW = Instant.parse("2026-01-02T03:04:05Z");
    static final DateTimeFormatter FORMAT = DateTimeFormatter.ofPattern("y-MM-dd HH:mm:ss");
    static final String DATE = FORMAT.format(NOW.atZone(ZoneOffset.UTC));

    static final List<String> vectors = new ArrayList<>();

    static String toSign(String code, String date) {
        return code.getBytes(StandardCharsets.UTF_8).length + code + date.length() + date;
    }

    static byte[] mac(String algorithm, String message, String key) throws Exception {
        Mac mac = Mac.getInstance(algorithm);
        mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), algorithm));
        return mac.doFinal(message.getBytes(StandardCharsets.UTF_8));
    }

    static String hex(byte[] digest) {
        return HexFormat.of().formatHex(digest);
    }

    static String quote(String s) {
        return '"' + s.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    static void vector(String mistake, String code, String date, String hash, String algo, String signed, String fix) {
        String header = "code=\"" + code + "\" date=\"" + date + "\" hash=\"" + hash + "\" algo=\"" + algo + "\"";
        vectors.add(
                String.format(
                        "{\"mistakes\": [%s], \"account\": %s, \"key\": %s, \"now\": %s, \"header\": %s, \"signed\": %s, \"fix\": %s}",
                        mistake.isEmpty() ? "" : quote(mistake), quote(code), quote(KEY), quote(DATE), quote(header), quote(signed), quote(fix)));
    }

    static void hash(String mistake, String hash, String algo) {
        vector(mistake, CODE, DATE, hash, algo, toSign(CODE, DATE), "");
    }

    public static void main(String[] args) throws Exception {
        String message = toSign(CODE, DATE);
        byte[] right = mac("HmacSHA256", message, KEY);
        hash("", hex(right), "sha256");
        hash("", hex(mac("HmacSHA3-256", message, KEY)), "sha3-256");
        hash("algo is unknown", hex(right), "HmacSHA256");
        hash("algo is unknown", hex(right), "SHA-256");
        hash("SHA-256 is used", hex(right), "sha3-256");
        hash("SHA3-256 is used", hex(mac("HmacSHA3-256", message, KEY)), "sha256");
        hash("MD5 is used", hex(mac("HmacMD5", message, KEY)), "sha256");
        hash("SHA-1 is used", hex(mac("HmacSHA1", message, KEY)), "sha256");
        hash("SHA-512 is used", hex(mac("HmacSHA512", message, KEY)), "sha256");
        hash("SHA3-512 is used", hex(mac("HmacSHA3-512", message, KEY)), "sha3-256");
        hash("a plain hash is made, and no HMAC", hex(MessageDigest.getInstance("SHA-256").digest(message.getBytes())), "sha256");
        hash("a plain hash is made, and no HMAC", hex(MessageDigest.getInstance("SHA3-256").digest((KEY + message).getBytes())), "sha3-256");
        hash("key and message are swapped", hex(mac("HmacSHA256", KEY, message)), "sha256");
        hash("white space around the key", hex(mac("HmacSHA256", message, KEY + "\n")), "sha256");
        hash("the hash is in upper-case hexadecimal digits", HexFormat.of().withUpperCase().formatHex(right), "sha256");
        hash("the hash is in base64", Base64.getEncoder().encodeToString(right), "sha256");
        hash("the hash is in base64url", Base64.getUrlEncoder().withoutPadding().encodeToString(right), "sha256");
        hash("the hash has something between its hexadecimal digits", HexFormat.ofDelimiter(":").formatHex(right), "sha256");
        hash("the hash has something between its hexadecimal digits", HexFormat.ofDelimiter("-").withUpperCase().formatHex(right), "sha256");

        // BigInteger knows no leading zeros.
        int number = 0;
        while (mac("HmacSHA256", toSign(CODE + number, DATE), KEY)[0] != 0) {
            number++;
        }
        byte[] zero = mac("HmacSHA256", toSign(CODE + number, DATE), KEY);
        vector("the hash lacks its leading zeros", CODE + number, DATE, new BigInteger(1, zero).toString(16), "sha256", toSign(CODE + number, DATE), "");

        // String.length counts units of UTF-16.
        for (String code : new String[] {"TËST", "SHOP😀"}) {
            String counted = code.length() + code + DATE.length() + DATE;
            vector("the length is in characters", code, DATE, hex(mac("HmacSHA256", counted, KEY)), "sha256", counted, "");
        }

        // Dates.
        String iso = DateTimeFormatter.ISO_INSTANT.format(NOW);
        String plain = LocalDateTime.ofInstant(NOW, ZoneOffset.UTC).toString();
        for (String date : new String[] {iso, plain}) {
            vector("the date has a T or a Z", CODE, date, hex(mac("HmacSHA256", toSign(CODE, date), KEY)), "sha256", toSign(CODE, date), "");
            vector("the date has a T or a Z", CODE, DATE, hex(mac("HmacSHA256", toSign(CODE, date), KEY)), "sha256", toSign(CODE, date), "");
        }
        String unix = String.valueOf(NOW.getEpochSecond());
        vector("the date has another form", CODE, unix, hex(mac("HmacSHA256", toSign(CODE, unix), KEY)), "sha256", toSign(CODE, unix), "");
        for (String zone : new String[] {"Europe/Berlin", "America/St_Johns", "Australia/Eucla", "Pacific/Kiritimati"}) {
            String local = FORMAT.format(NOW.atZone(ZoneId.of(zone)));
            String offset = "UTC" + ZoneId.of(zone).getRules().getOffset(NOW);
            vector("the date is signed in one time zone and sent in another", CODE, DATE, hex(mac("HmacSHA256", toSign(CODE, local), KEY)), "sha256", toSign(CODE, local), "as " + offset + " is of UTC");
            vector("the date is outside the window", CODE, local, hex(mac("HmacSHA256", toSign(CODE, local), KEY)), "sha256", toSign(CODE, local), offset);
        }
        // Of the bytes that System.out writes nothing may depend on the machine.
        System.out.write(("[\n" + String.join(",\n", vectors) + "\n]\n").getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }
}
