// SPDX-License-Identifier: Apache-2.0
//! Programs that people run, as Debian packages them, behind every wall and with none lifted.
//!
//! What breaks here needs the narrowest exception that there is, in policies/, with this program as its reason.

use tests::{Sandbox, helper, steps};

#[test]
fn real_programs_run_with_every_wall_up() {
    let sandbox = Sandbox::debian();
    steps(
        &sandbox,
        &[
            ("the walls are up", walls),
            ("apt-get", apt_get),
            ("dpkg", dpkg),
            ("bash", bash),
            ("python", python),
            ("node", node),
            ("perl", perl),
            ("nginx", nginx),
            ("redis-server", redis),
            ("postgresql", postgresql),
            ("java", java),
            ("a Go program", go),
            ("a static Rust program", rust),
            ("changing users", users),
            ("the default capabilities", capabilities),
        ],
    );
}

/// A script in the image `debian`, with no flag that lifts anything.
fn script(sandbox: &Sandbox, text: &str) -> String {
    sandbox.call(["run", "--rm", "debian", "bash", "-euc", text]).ok()
}

#[track_caller]
fn says(sandbox: &Sandbox, text: &str, expected: &str) {
    assert_eq!(script(sandbox, text), expected, "{text}");
}

/// So that the steps below prove something.
fn walls(sandbox: &Sandbox) {
    let text = "grep -E '^(NoNewPrivs|Seccomp|CapEff):' /proc/self/status; cat /proc/self/uid_map";
    let status = script(sandbox, text);
    let words: Vec<&str> = status.split_whitespace().collect();
    let [_, effective, _, "1", _, "2", "0", outer, "65536"] = words[..] else { panic!("{status}") };
    assert_ne!(effective, "000001ffffffffff");
    assert_ne!(outer, "0");
}

fn apt_get(sandbox: &Sandbox) {
    assert!(script(sandbox, "apt-get --version").starts_with("apt "));
    // Its sandbox user, its lists and its solver, without a network.
    let planned = script(sandbox, "apt-get update; apt-get --simulate remove python3");
    assert!(planned.contains("Remv python3 "), "{planned}");
}

/// A package with a file of somebody's own, a set-id bit and a script: built, installed, removed.
fn dpkg(sandbox: &Sandbox) {
    let text = r#"
        mkdir -p /tmp/p/DEBIAN /tmp/p/usr/share/p
        printf 'Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: d\n' > /tmp/p/DEBIAN/control
        printf '#!/bin/sh\nchown www-data:www-data /usr/share/p/owned\n' > /tmp/p/DEBIAN/postinst
        chmod 755 /tmp/p/DEBIAN/postinst
        touch /tmp/p/usr/share/p/owned; echo x > /tmp/p/usr/share/p/set; chmod 4755 /tmp/p/usr/share/p/set
        dpkg-deb --build /tmp/p /tmp/p.deb > /dev/null
        dpkg --install /tmp/p.deb > /dev/null
        stat --format '%U %a' /usr/share/p/owned /usr/share/p/set
        dpkg --purge p > /dev/null
        test -e /usr/share/p || echo removed"#;
    says(sandbox, text, "www-data 644\nroot 4755\nremoved");
}

fn bash(sandbox: &Sandbox) {
    let text = r#"
        set -m
        sleep 1000 & kill %1; wait %1 || echo "job $?"
        read -r line < <(echo substituted); echo "$line"
        trap 'echo trapped' USR1; kill -USR1 $$
        exec 5<> /tmp/file; echo written >&5; cat /dev/fd/5 < /tmp/file
        ulimit -c; umask"#;
    says(sandbox, text, "job 143\nsubstituted\ntrapped\nwritten\n0\n0022");
}

fn python(sandbox: &Sandbox) {
    let program = r#"
import asyncio, concurrent.futures, hashlib, multiprocessing, socket, sqlite3, subprocess, tempfile
digest = lambda n: len(hashlib.sha256(b"x" * n).digest())
with concurrent.futures.ThreadPoolExecutor(64) as pool:
    print(sum(pool.map(digest, range(1000))))
with multiprocessing.Pool(4) as pool:
    print(sum(pool.map(abs, range(-100, 0))))
base = sqlite3.connect("/tmp/base")
print(*base.execute("pragma journal_mode=wal").fetchone())
base.execute("create table t(n)"); base.executemany("insert into t values(?)", [(n,) for n in range(1000)]); base.commit()
print(*sqlite3.connect("/tmp/base").execute("select sum(n) from t").fetchone())
async def talk():
    async def serve(reader, writer):
        writer.write((await reader.readline()).upper()); await writer.drain(); writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"over loopback\n"); print((await reader.readline()).decode().strip())
    process = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print((await process.communicate(b"through a pipe"))[0].decode())
asyncio.run(talk())
"#;
    let said = sandbox.call(["run", "--rm", "debian", "python3", "-c", program]).ok();
    assert_eq!(said, "32000\n5050\nwal\n499500\nOVER LOOPBACK\nthrough a pipe");
}

fn node(sandbox: &Sandbox) {
    let program = r#"
const { Worker } = require("worker_threads"), http = require("http"), fs = require("fs"), { execFileSync } = require("child_process");
const server = http.createServer((request, response) => response.end("served " + request.url));
server.listen(0, "127.0.0.1", () => http.get({ host: "127.0.0.1", port: server.address().port, path: "/x" }, (response) => {
    response.on("data", (data) => console.log(data.toString()));
    response.on("end", () => { server.close(); rest(); });
}));
function rest() {
    console.log(execFileSync("echo", ["child"]).toString().trim());
    fs.writeFileSync("/tmp/f", "file"); console.log(fs.readFileSync("/tmp/f").toString());
    const code = "require('worker_threads').parentPort.postMessage(WebAssembly.validate(new Uint8Array([0,97,115,109,1,0,0,0])) && 6 * 7)";
    new Worker(code, { eval: true }).on("message", (message) => console.log(message));
}"#;
    let said = sandbox.call(["run", "--rm", "debian", "node", "-e", program]).ok();
    assert_eq!(said, "served /x\nchild\nfile\n42");
}

fn perl(sandbox: &Sandbox) {
    let program = r#"
use threads; use IO::Socket::INET; use Fcntl ':flock';
print join(" ", map { $_->join } map { my $n = $_; threads->create(sub { $n * $n }) } 1 .. 5), "\n";
my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die $!;
if (!fork) { my $peer = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $server->sockport); print $peer "hello\n"; exit }
print $server->accept->getline; wait;
open my $file, ">", "/tmp/lock"; flock($file, LOCK_EX) and print "locked\n";"#;
    let said = sandbox.call(["run", "--rm", "debian", "perl", "-e", program]).ok();
    assert_eq!(said, "1 4 9 16 25\nhello\nlocked");
}

/// As packaged: its own configuration, workers of www-data on port 80, a client over loopback.
fn nginx(sandbox: &Sandbox) {
    let text = r#"
        nginx -t 2>&1 | tail -n 1
        nginx
        python3 -c 'import urllib.request as r; a = r.urlopen("http://127.0.0.1/"); print(a.status, b"Welcome to nginx" in a.read())'
        ps -C nginx -o user= | sort -u | paste -s -d ' '
        nginx -s quit"#;
    says(
        sandbox,
        text,
        "nginx: configuration file /etc/nginx/nginx.conf test is successful\n200 True\nroot www-data",
    );
}

/// By its own init script, which drops to its user; with a save by a forked child.
fn redis(sandbox: &Sandbox) {
    let text = r#"
        service redis-server start > /dev/null 2> /tmp/errors
        until redis-cli ping > /dev/null 2>&1; do :; done
        redis-cli set key value; redis-cli get key; redis-cli save
        redis-cli bgsave > /dev/null; until redis-cli info persistence | grep -q rdb_bgsave_in_progress:0; do :; done
        redis-cli info persistence | grep -o rdb_last_bgsave_status:ok
        ps -C redis-server -o user=; stat --format %U /var/lib/redis/dump.rdb"#;
    says(sandbox, text, "OK\nvalue\nOK\nrdb_last_bgsave_status:ok\nredis\nredis");
}

/// As the official image does it: an entrypoint of root's makes the directory and drops to the user.
fn postgresql(sandbox: &Sandbox) {
    let text = r#"
        bin=$(echo /usr/lib/postgresql/*/bin); export PGDATA=/data
        mkdir -m 700 /data; chown postgres:postgres /data
        gosu postgres "$bin/initdb" --auth trust > /dev/null
        gosu postgres "$bin/pg_ctl" --wait --log /tmp/log --options "-c shared_buffers=32MB" start > /dev/null
        gosu postgres psql -Atc "create table t as select n from generate_series(1, 100000) n; select sum(n) from t"
        setpriv --reuid postgres --clear-groups psql -Atc "set parallel_setup_cost = 0; set min_parallel_table_scan_size = 0; select count(*) from t"
        su postgres -c "psql -h 127.0.0.1 -Atc 'select current_user'"
        gosu postgres "$bin/pg_ctl" --wait --mode fast stop > /dev/null
        grep -c 'database system is shut down' /tmp/log"#;
    let said = script(sandbox, text);
    assert_eq!(said, "SELECT 100000\n5000050000\nSET\nSET\n100000\npostgres\n1");
}

fn java(sandbox: &Sandbox) {
    let java = |words: &[&str]| {
        let ended = sandbox.call(["run", "--rm", "-m", "256m", "debian", "java"].iter().chain(words)).ended();
        assert_eq!(ended.code, 0, "{ended}");
        ended.out + &ended.err
    };
    assert!(java(&["-version"]).contains("OpenJDK"));
    // Half of a small limit is heap: the limit was seen, whoever told of it.
    let flags = java(&["-XX:+PrintFlagsFinal", "-version"]);
    let heap = flags.lines().find(|line| line.contains(" MaxHeapSize ")).unwrap();
    let bytes: u64 = heap.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!((64 << 20..=128 << 20).contains(&bytes), "{heap}");
    // Each collector has its own way with memory: files in memory, many mappings, protection keys.
    for collector in
        ["-XX:+UseSerialGC", "-XX:+UseParallelGC", "-XX:+UseG1GC", "-XX:+UseZGC", "-XX:+UseShenandoahGC"]
    {
        assert!(java(&[collector, "-version"]).contains("OpenJDK"), "{collector}");
    }
}

/// gosu is one, as Debian packages it: threads, a user change, an exec.
fn go(sandbox: &Sandbox) {
    says(sandbox, "gosu nobody id -un; gosu 1234:5678 id -u; gosu 1234:5678 id -g", "nobody\n1234\n5678");
}

fn rust(sandbox: &Sandbox) {
    let mount = format!("{}:/figures:ro", helper("figures").display());
    let words = ["run", "--rm", "-v", &mount, "debian", "/figures", "storm", "8", "4"];
    assert_eq!(sandbox.call(words).ok(), "steady");
}

/// Every way down from root; none leads up again.
fn users(sandbox: &Sandbox) {
    let text = r#"
        su nobody -s /bin/sh -c 'id -un'
        setpriv --reuid 1234 --regid 1234 --clear-groups id -u
        runuser -u www-data id -- -un
        chroot --userspec=1234 / id -u 2> /dev/null || echo no chroot
        gosu nobody su -c 'id -u' 2> /dev/null < /dev/null || echo no way up"#;
    says(sandbox, text, "nobody\n1234\nwww-data\nno chroot\nno way up");
}

/// None is there for nothing: what needs it works, and does not without.
fn capabilities(sandbox: &Sandbox) {
    let listed = include_str!("../../policies/capabilities.toml").lines();
    let listed: Vec<&str> =
        listed.filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"')).collect();
    assert_eq!(listed, NEEDED.map(|(name, _)| name), "each with what needs it");
    for (name, text) in NEEDED {
        script(sandbox, text);
        let without = ["run", "--rm", "--cap-drop", name, "debian", "bash", "-euc", text];
        assert_ne!(sandbox.call(without).ended().code, 0, "without {name}: {text}");
    }
}

const NEEDED: [(&str, &str); 8] = [
    ("CHOWN", "touch /tmp/x; chown postgres /tmp/x"),
    ("DAC_OVERRIDE", "touch /tmp/x; chmod 600 /tmp/x; chown postgres /tmp/x; echo >> /tmp/x"),
    ("FOWNER", "touch /tmp/x; chown postgres /tmp/x; chmod 640 /tmp/x"),
    ("KILL", "gosu www-data sleep 1000 & until pgrep -u www-data sleep; do :; done; kill $!"),
    ("SETGID", "setpriv --regid 1234 --clear-groups true"),
    ("SETUID", "setpriv --reuid 1234 true"),
    // setpriv tells no failure; CHOWN is the lowest bit.
    ("SETPCAP", "setpriv --bounding-set -chown grep -q 'CapBnd:.*[02468ace]$' /proc/self/status"),
    ("NET_BIND_SERVICE", "python3 -c 'import socket; socket.socket().bind((\"127.0.0.1\", 80))'"),
];
