package zeelos.peer.v1;

import java.io.FileInputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.network.config.NetworkConfig;
import org.eclipse.leshan.client.californium.LeshanClient;
import org.eclipse.leshan.client.californium.LeshanClientBuilder;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.observer.LwM2mClientObserverAdapter;
import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.ServerIdentity;
import org.eclipse.leshan.core.ResponseCode;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mMultipleResource;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.request.BindingMode;
import org.eclipse.leshan.core.request.DeregisterRequest;
import org.eclipse.leshan.core.request.RegisterRequest;
import org.eclipse.leshan.core.request.UpdateRequest;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;
import zeelos.peer.Contents;
import zeelos.peer.Device;
import zeelos.peer.Lines;
import zeelos.peer.Texts;

/** A device on Leshan 1.5: LwM2M 1.0. */
public final class LeshanDevice implements Device {
    private static final int SERVER_ID = 123;
    private static final int MAX_BODY_BYTES = 1024 * 1024;
    private static final long PULL_TIMEOUT_MS = 60_000;

    private final String endpoint;
    private final LeshanClient client;
    private final Map<String, Instance> instances = new ConcurrentHashMap<>();

    /** Found by name. */
    public static final class Make implements Maker {
        @Override
        public Device make(String endpoint, String uri, long lifetime, boolean queueMode, List<String> ddf) throws Exception {
            return new LeshanDevice(endpoint, uri, lifetime, queueMode, ddf);
        }
    }

    private LeshanDevice(String endpoint, String uri, long lifetime, boolean queueMode, List<String> ddf) throws Exception {
        this.endpoint = endpoint;
        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        for (String file : ddf) {
            try (FileInputStream in = new FileInputStream(file)) {
                models.addAll(ObjectLoader.loadDdfFile(in, file));
            }
        }
        ObjectsInitializer objects = new ObjectsInitializer(new StaticModel(models));
        objects.setInstancesForObject(0, Security.noSec(uri, SERVER_ID));
        objects.setInstancesForObject(1, new Server(SERVER_ID, lifetime, queueMode ? BindingMode.UQ : BindingMode.U, false));
        objects.setInstancesForObject(Contents.DEVICE, new Instance(0, Contents.device()));
        objects.setInstancesForObject(Contents.FIRMWARE, new Instance(0, Contents.firmware()));
        objects.setInstancesForObject(Contents.TYPES, new Instance(0, Contents.types()));
        for (int object : new int[] {Contents.DEVICE, Contents.FIRMWARE, Contents.TYPES}) {
            objects.setFactoryForObject(object, (model, id, used) -> {
                Instance created = new Instance(id == null ? free(used) : id, Map.of());
                created.setModel(model); // Leshan writes the first values before it does
                return created;
            });
        }
        NetworkConfig config = LeshanClientBuilder.createDefaultNetworkConfig();
        config.setInt(NetworkConfig.Keys.MAX_RESOURCE_BODY_SIZE, MAX_BODY_BYTES);
        config.setInt(NetworkConfig.Keys.NOTIFICATION_CHECK_INTERVAL_COUNT, 1);
        DefaultRegistrationEngineFactory engine = new DefaultRegistrationEngineFactory();
        engine.setRetryWaitingTimeInMs(2_000).setDeregistrationTimeoutInMs(2_000);
        client = new LeshanClientBuilder(endpoint)
                .setObjects(objects.create(0, 1, Contents.DEVICE, Contents.FIRMWARE, Contents.TYPES)).setCoapConfig(config)
                .setRegistrationEngineFactory(engine).build();
        client.addObserver(new Account());
    }

    private static int free(java.util.Collection<Integer> used) {
        int id = 0;
        while (used.contains(id)) {
            id++;
        }
        return id;
    }

    @Override
    public void start() {
        client.start();
    }

    @Override
    public void stop(boolean deregister) {
        client.destroy(deregister);
    }

    @Override
    public void restart() {
        client.stop(false);
        client.start();
    }

    @Override
    public void update() {
        client.triggerRegistrationUpdate();
    }

    @Override
    public void set(int[] path, String text) {
        instances.get("/" + path[0] + "/" + path[1]).set(path, text);
    }

    @Override
    public String send(String format, List<String> paths) {
        throw new UnsupportedOperationException("LwM2M 1.0");
    }

    @Override
    public void collect(List<String> paths) {
        throw new UnsupportedOperationException("LwM2M 1.0");
    }

    @Override
    public void sendCollected(String format) {
        throw new UnsupportedOperationException("LwM2M 1.0");
    }

    private void pull(String uri) {
        new Thread(() -> {
            try {
                Request request = Request.newGet();
                request.setURI(uri);
                request.send(client.coap().getEndpoint(client.getRegisteredServers().values().iterator().next()));
                Response response = request.waitForResponse(PULL_TIMEOUT_MS);
                Lines.print("pulled", "ep", endpoint, "code", String.valueOf(response.getCode()), "value",
                        Texts.digest(response.getPayload()));
            } catch (Exception e) {
                Lines.print("pullFailed", "ep", endpoint, "reason", String.valueOf(e));
            }
        }).start();
    }

    private final class Instance extends BaseInstanceEnabler {
        private final Contents contents;

        Instance(int id, Map<Integer, ?> initial) {
            super(id);
            contents = new Contents(initial);
        }

        @Override
        public void setModel(ObjectModel model) {
            super.setModel(model);
            instances.put("/" + model.id + "/" + getId(), this);
        }

        void set(int[] path, String text) {
            Object value = Texts.parse(getModel().resources.get(path[2]).type.name(), text);
            if (path.length > 3) {
                contents.put(path[2], path[3], value);
            } else {
                contents.put(path[2], value);
            }
            fireResourcesChange(path[2]);
        }

        private String path(int resource) {
            return "/" + getModel().id + "/" + getId() + "/" + resource;
        }

        @Override
        @SuppressWarnings("unchecked")
        public ReadResponse read(ServerIdentity server, int resource) {
            Object value = contents.get(resource);
            if (value == null) {
                return ReadResponse.notFound();
            }
            ResourceModel.Type type = getModel().resources.get(resource).type;
            return ReadResponse.success(value instanceof Map<?, ?> map
                    ? LwM2mMultipleResource.newResource(resource, (Map<Integer, ?>) map, type)
                    : LwM2mSingleResource.newResource(resource, value, type));
        }

        @Override
        public WriteResponse write(ServerIdentity server, int resource, LwM2mResource written) {
            Object value = written.isMultiInstances() ? new HashMap<>(written.getValues()) : written.getValue();
            contents.put(resource, value);
            Lines.print("written", "ep", endpoint, "path", path(resource), "value", Texts.of(value));
            if (getModel().id == Contents.FIRMWARE && resource == Contents.PACKAGE_URI) {
                pull((String) value);
            }
            fireResourcesChange(resource);
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(ServerIdentity server, int resource, String params) {
            Lines.print("executed", "ep", endpoint, "path", path(resource), "value", params == null ? "" : params);
            return ExecuteResponse.success();
        }

        @Override
        public void onDelete(ServerIdentity server) {
            Lines.print("deleted", "ep", endpoint, "path", "/" + getModel().id + "/" + getId());
        }

        @Override
        public void reset(int resource) {
            contents.remove(resource);
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return contents.available(model);
        }
    }

    private final class Account extends LwM2mClientObserverAdapter {
        @Override
        public void onRegistrationSuccess(ServerIdentity server, RegisterRequest request, String id) {
            Lines.print("registered", "ep", endpoint, "location", id);
        }

        @Override
        public void onRegistrationFailure(ServerIdentity s, RegisterRequest r, ResponseCode code, String message, Exception e) {
            Lines.print("registrationFailed", "ep", endpoint, "reason", String.valueOf(code != null ? code : e));
        }

        @Override
        public void onUpdateSuccess(ServerIdentity server, UpdateRequest request) {
            Lines.print("updated", "ep", endpoint);
        }

        @Override
        public void onDeregistrationSuccess(ServerIdentity server, DeregisterRequest request) {
            Lines.print("deregistered", "ep", endpoint);
        }
    }
}
