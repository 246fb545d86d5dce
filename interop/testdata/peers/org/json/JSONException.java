package org.json;

// Debian's org.json, Android's, has a checked exception of this name. That which the
// SDK is built with has not, so this one stands before it.
public class JSONException extends RuntimeException {
    public JSONException(String message) {
        super(message);
    }

    public JSONException(String message, Throwable cause) {
        super(message, cause);
    }

    public JSONException(Throwable cause) {
        super(cause);
    }
}
