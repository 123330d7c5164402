package zeelos.peer;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.californium.core.coap.CoAP;
import org.eclipse.californium.core.coap.EmptyMessage;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.network.interceptors.MessageInterceptorAdapter;

/** Reports each notification once when first sent, and its ACK or RST. */
final class NotificationWatch extends MessageInterceptorAdapter {
    private static final int MAX_UNDER_WAY = 64;

    private final Map<String, String> pathOfToken = new ConcurrentHashMap<>();
    /** Tokens whose Observe request has no answer yet: that answer carries the Observe option, too. */
    private final Set<String> unanswered = ConcurrentHashMap.newKeySet();
    /** Notifications without an answer yet, oldest first: Californium replaces a value under way by a newer one. */
    private final Map<Integer, String> underWay = Collections.synchronizedMap(new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, String> eldest) {
            return size() > MAX_UNDER_WAY;
        }
    });

    @Override
    public void receiveRequest(Request request) {
        Integer observe = request.getOptions().getObserve();
        if (observe == null) {
            return;
        }
        String path = "/" + request.getOptions().getUriPathString();
        if (observe == 0) {
            pathOfToken.put(request.getTokenString(), path);
            unanswered.add(request.getTokenString());
            Lines.print("observed", "path", path, "token", request.getTokenString());
        } else {
            pathOfToken.remove(request.getTokenString());
            Lines.print("observeCancelled", "path", path, "token", request.getTokenString());
        }
    }

    @Override
    public void sendResponse(Response response) {
        String path = pathOfToken.get(response.getTokenString());
        boolean notification = response.getOptions().hasObserve() && !unanswered.remove(response.getTokenString());
        if (path == null || !notification) {
            return;
        }
        String value = Lines.valueOf(response.getOptions().getContentFormat(), response.getPayload());
        if (response.getType() == CoAP.Type.CON && underWay.putIfAbsent(response.getMID(), path + " " + value) != null) {
            return; // a retransmission
        }
        Lines.print("notified", "path", path, "value", value, "type", response.getType().name(), "contentFormat",
                response.getOptions().getContentFormat(), "mid", response.getMID());
    }

    @Override
    public void receiveEmptyMessage(EmptyMessage message) {
        String sent = underWay.remove(message.getMID());
        if (sent == null) {
            return;
        }
        int space = sent.indexOf(' ');
        String event = message.getType() == CoAP.Type.ACK ? "acknowledged" : "reset";
        Lines.print(event, "path", sent.substring(0, space), "value", sent.substring(space + 1), "mid", message.getMID());
    }
}
