// A worker of the benchmarks on com.amazonaws:dynamodb-lock-client. The commands
// and answers are those of package worker, without crowd, wait, leases and check.

import com.amazonaws.services.dynamodbv2.AcquireLockOptions;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBLockClient;
import com.amazonaws.services.dynamodbv2.AmazonDynamoDBLockClientOptions;
import com.amazonaws.services.dynamodbv2.LockItem;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.net.URI;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.dynamodb.DynamoDbClient;

public class Peer {
    static AmazonDynamoDBLockClient locks;

    public static void main(String[] args) throws Exception {
        DynamoDbClient db = DynamoDbClient.builder()
            .endpointOverride(URI.create(System.getenv("AWS_ENDPOINT_URL_DYNAMODB")))
            .region(Region.of(System.getenv("AWS_REGION")))
            .build();
        AmazonDynamoDBLockClientOptions.AmazonDynamoDBLockClientOptionsBuilder options =
            AmazonDynamoDBLockClientOptions.builder(db, System.getenv("HOLDFAST_BENCH_TABLE"));
        long ttl = Long.parseLong(System.getenv("HOLDFAST_BENCH_TTL"));
        if (ttl > 0) {
            options.withTimeUnit(TimeUnit.MILLISECONDS).withLeaseDuration(ttl).withHeartbeatPeriod(ttl / 4);
        }
        locks = new AmazonDynamoDBLockClient(options.build());
        say("ready - " + now());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" +");
            if (words[0].equals("quit")) {
                break;
            }
            Thread t = new Thread(() -> {
                try {
                    carryOut(words);
                } catch (Throwable e) {
                    say("error - " + String.join(" ", words) + ": " + e);
                }
            });
            t.setDaemon(true);
            t.start();
        }
        System.exit(0);
    }

    static void carryOut(String[] words) throws Exception {
        String name = words[1];
        switch (words[0]) {
            case "hold": {
                LockItem lock = acquire(name);
                Thread.sleep(Long.parseLong(words[2]));
                long released = now();
                locks.releaseLock(lock);
                say("rel " + name + " " + released);
                say("done " + name + " " + now());
                break;
            }
            case "keep":
                acquire(name);
                break;
            case "pairs": {
                int n = Integer.parseInt(words[2]);
                StringBuilder took = new StringBuilder();
                long cpu = cpu();
                for (int i = 0; i < n; i++) {
                    long start = System.nanoTime();
                    LockItem lock = locks.acquireLock(AcquireLockOptions.builder(name).build());
                    locks.releaseLock(lock);
                    took.append(i == 0 ? "" : ",").append(System.nanoTime() - start);
                }
                say("pairs " + name + " " + (cpu() - cpu) + " " + took);
                break;
            }
            default:
                throw new IllegalArgumentException("no such command");
        }
    }

    static LockItem acquire(String name) throws Exception {
        say("ask " + name + " " + now());
        LockItem lock = locks.acquireLock(AcquireLockOptions.builder(name).build());
        say("got " + name + " " + now());
        return lock;
    }

    static long cpu() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    static long now() {
        Instant t = Instant.now();
        return t.getEpochSecond() * 1_000_000_000L + t.getNano();
    }

    static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
