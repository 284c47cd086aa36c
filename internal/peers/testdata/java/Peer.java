// The other side of TestJava: the Java client, as a program that uses it for locks
// would. See child_test.go for what is said on standard input and output.

import com.amazonaws.services.dynamodbv2.AcquireLockOptions;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBLockClient;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBLockClientOptions;
import com.amazonaws.services.dynamodbv2.LockItem;
import com.amazonaws.services.dynamodbv2.model.LockNotGrantedException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;

public class Peer {
    static final long LEASE = Long.parseLong(System.getenv("PEER_LEASE_MILLIS"));
    static final long CRASH = Long.parseLong(System.getenv("PEER_CRASH_MILLIS"));

    static final Map<String, Boolean> stopping = new ConcurrentHashMap<>();
    static AmazonDynamoDBLockClient alive; // sends heartbeats
    static AmazonDynamoDBLockClient dying; // does not

    public static void main(String[] args) throws Exception {
        DynamoDbClient db = DynamoDbClient.builder()
            .endpointOverride(URI.create(System.getenv("AWS_ENDPOINT_URL_DYNAMODB")))
            .region(Region.of(System.getenv("AWS_REGION")))
            .build();
        alive = new AmazonDynamoDBLockClient(options(db).withHeartbeatPeriod(LEASE / 4).build());
        dying = new AmazonDynamoDBLockClient(options(db).withCreateHeartbeatBackgroundThread(false).build());
        for (String name : System.getenv("PEER_NAMES").split(" ")) {
            Thread t = new Thread(() -> rounds(name));
            t.setDaemon(true);
            t.start();
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            stopping.put(line.substring("stop ".length()), true);
        }
        System.exit(0);
    }

    static AmazonDynamoDBLockClientOptions.AmazonDynamoDBLockClientOptionsBuilder options(DynamoDbClient db) {
        return AmazonDynamoDBLockClientOptions.builder(db, System.getenv("PEER_TABLE"))
            .withTimeUnit(TimeUnit.MILLISECONDS).withLeaseDuration(LEASE);
    }

    static void rounds(String name) {
        try {
            for (int n = 0; !stopping.containsKey(name); n++) {
                hold(name, n);
            }
            say("stopped " + name);
        } catch (Throwable e) {
            say("error " + name + ": " + e);
            e.printStackTrace();
        }
    }

    // hold holds the name for a round. Each round's options differ, so that every way
    // in which the client writes is tried.
    static void hold(String name, int n) throws Exception {
        String round = n % 10 == 3 ? "crashed" : n % 10 == 7 ? "long" : "brief";
        AmazonDynamoDBLockClient client = round.equals("crashed") ? dying : alive;
        LockItem lock;
        try {
            lock = client.acquireLock(AcquireLockOptions.builder(name)
                .withTimeUnit(TimeUnit.MILLISECONDS)
                .withRefreshPeriod(100L)
                .withAdditionalTimeToWaitForLock(LEASE)
                .withDeleteLockOnRelease(n % 2 == 0)
                .withUpdateExistingLockRecord(n % 3 == 1)
                .withAcquireReleasedLocksConsistently(n % 5 > 2)
                .build());
        } catch (LockNotGrantedException e) {
            return; // it has waited for long enough
        }
        long length = round.equals("crashed") ? 60_000 : round.equals("long") ? LEASE * 3 / 2 : random(30);
        long from = System.nanoTime();
        long begin = 0;
        long end = 0;
        while (true) {
            long now = System.nanoTime(); // before the look: it is valid then if the look says so
            if (lock.isExpired()) {
                break;
            }
            begin = begin == 0 ? now : begin;
            end = now;
            if (now - from >= length * 1_000_000) {
                break;
            }
            Thread.sleep(1);
        }
        if (begin > 0) {
            say("held " + name + " " + begin + " " + end + " " + round);
        }
        if (!round.equals("crashed")) {
            client.releaseLock(lock);
        }
        Thread.sleep(round.equals("crashed") ? CRASH : random(150));
    }

    static long random(int millis) {
        return ThreadLocalRandom.current().nextInt(millis);
    }

    static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
