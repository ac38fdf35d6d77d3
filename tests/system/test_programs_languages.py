"""Compilers, language runtimes and version control under `runsc do`, without special flags: as on the host."""
from programs import bash, need

MAKE = {
    "Makefile": "OBJ = main.o list.o\nprog: $(OBJ)\n\t$(CXX) -o $@ $(OBJ) -pthread\n%.o: %.cc list.h\n\t$(CXX) -O1 -c -o $@ $<\nclean:\n\trm -f prog *.o\n.PHONY: clean\n",
    "list.h": "#include <string>\n#include <vector>\nstd::vector<std::string> words(const std::string &text);\n",
    "list.cc": '#include "list.h"\n#include <sstream>\nstd::vector<std::string> words(const std::string &text) { std::istringstream in(text); std::vector<std::string> out; for (std::string w; in >> w;) out.push_back(w); return out; }\n',
    "main.cc": '#include "list.h"\n#include <atomic>\n#include <future>\n#include <iostream>\n#include <stdexcept>\n#include <thread>\n'
               'int main() { std::atomic<int> n{0}; std::vector<std::thread> t; for (int i = 0; i < 8; i++) t.emplace_back([&] { for (int j = 0; j < 1000; j++) n++; }); for (auto &x : t) x.join();\n'
               'auto f = std::async(std::launch::async, [] { return words("a few words").size(); }); std::cout << n << " " << f.get() << std::endl;\n'
               'try { throw std::runtime_error("thrown"); } catch (const std::exception &e) { std::cout << e.what() << std::endl; } return 3; }\n',
    "lib.c": "int twice(int x) { return 2 * x; }\n",
    "use.c": '#include <dlfcn.h>\n#include <stdio.h>\nint main(void) { void *h = dlopen("./lib.so", RTLD_NOW); int (*f)(int) = (int (*)(int))dlsym(h, "twice"); printf("%d\\n", f(21)); return 0; }\n',
}

PACKAGE = {
    "pkg/pyproject.toml": '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n[project]\nname = "thing"\nversion = "1.2"\nscripts = { thing = "thing:main" }\n',
    "pkg/thing.py": "import sys\n\n\ndef main():\n    print('thing', sys.prefix != sys.base_prefix, sys.argv[1:])\n",
}

NODE = {"main.js": r"""
const fs = require('fs'), path = require('path'), cp = require('child_process'), os = require('os'), crypto = require('crypto');
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
if (!isMainThread) {
  const a = new Int32Array(workerData.shared);
  for (let i = 0; i < 1000; i++) Atomics.add(a, 0, 1);
  parentPort.postMessage(workerData.n * 2);
} else (async () => {
  fs.mkdirSync('d/e', { recursive: true });
  await fs.promises.writeFile('d/f', 'x'.repeat(1e6));
  console.log((await fs.promises.stat('d/f')).size, fs.readdirSync('d').sort());
  await new Promise((r) => fs.createReadStream('d/f').pipe(fs.createWriteStream('d/g')).on('finish', r));
  console.log(crypto.createHash('sha256').update(fs.readFileSync('d/g')).digest('hex'));
  fs.renameSync('d/g', 'd/h'); fs.symlinkSync('h', 'd/l'); console.log(fs.readlinkSync('d/l'), fs.existsSync('d/g'));
  try { fs.readFileSync('none'); } catch (e) { console.log(e.code, e.errno); }
  const shared = new SharedArrayBuffer(4);
  const results = await Promise.all([1, 2, 3, 4].map((n) => new Promise((res, rej) => {
    const w = new Worker(__filename, { workerData: { n, shared } }); w.on('message', res); w.on('error', rej); })));
  console.log(results, new Int32Array(shared)[0]);
  console.log(cp.execSync('echo $0 sub').toString(), cp.spawnSync('sh', ['-c', 'exit 7']).status);
  const c = cp.spawn('cat'); c.stdout.on('data', (d) => process.stdout.write(d)); c.stdin.end('through cat\n');
  await new Promise((r) => c.on('close', r));
  const k = cp.spawn('sleep', ['1000']); k.kill('SIGTERM'); console.log(await new Promise((r) => k.on('close', (code, sig) => r(sig))));
  const f = cp.fork('child.js'); f.send({ a: 1 }); console.log(await new Promise((r) => f.on('message', r))); f.disconnect();
  const t = Date.now(); await new Promise((r) => setTimeout(r, 30)); console.log(Date.now() - t >= 29);
  let n = 0; await new Promise((r) => { const i = setInterval(() => { if (++n === 5) { clearInterval(i); r(); } }, 1); }); console.log(n);
  const net = require('net');
  const s = net.createServer((x) => x.on('data', (d) => x.end(d.toString().toUpperCase()))).listen('./sock');
  await new Promise((r) => net.connect('./sock').on('data', (d) => { console.log(d.toString()); r(); }).end('over a socket')); s.close();
  const w = fs.watch('d'); const seen = new Promise((r) => w.once('change', (e, name) => r([e, name]))); fs.writeFileSync('d/new', ''); console.log(await seen); w.close();
  console.log((await require('util').promisify(require('zlib').gzip)('x'.repeat(1000))).length < 100);
  await new Promise((r) => { const t = setTimeout(r, 30000); process.on('SIGUSR2', () => { console.log('usr2'); process.exitCode = 4; clearTimeout(t); r(); }); process.kill(process.pid, 'SIGUSR2'); });
  let big = []; for (let i = 0; i < 100; i++) { big = []; for (let j = 0; j < 20000; j++) big.push({ j }); } console.log(big.length);
  console.log(os.cpus().length > 0, os.totalmem() > os.freemem(), path.basename(process.cwd()));
})();
""", "child.js": "process.on('message', (m) => process.send({ got: m.a }));\n"}

JAVA = {"Main.java": r"""
import java.io.*; import java.nio.channels.*; import java.nio.file.*; import java.util.*; import java.util.concurrent.*; import java.util.concurrent.atomic.*; import java.util.stream.*;
public class Main {
  static volatile Object sink;
  public static void main(String[] args) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(16); AtomicInteger n = new AtomicInteger(); List<Future<Integer>> fs = new ArrayList<>();
    for (int i = 0; i < 100; i++) { final int k = i; fs.add(pool.submit(() -> { for (int j = 0; j < 1000; j++) n.incrementAndGet(); return k * k; })); }
    int s = 0; for (Future<Integer> f : fs) s += f.get(); pool.shutdown(); System.out.println(s + " " + n + " " + pool.awaitTermination(10, TimeUnit.SECONDS));
    for (int i = 0; i < 3000; i++) { byte[][] b = new byte[16][]; for (int j = 0; j < 16; j++) b[j] = new byte[16384]; sink = b; } System.gc();
    System.out.println(Runtime.getRuntime().availableProcessors() > 0 && Runtime.getRuntime().maxMemory() > (1 << 26));
    Path p = Files.createTempDirectory(Path.of("."), "d"); Files.writeString(p.resolve("f"), "text\n".repeat(1000));
    try (FileChannel c = FileChannel.open(p.resolve("f"), StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      var m = c.map(FileChannel.MapMode.READ_WRITE, 0, c.size()); m.put(0, (byte)'T'); m.force(); try (FileLock l = c.tryLock()) { System.out.println(l.isValid()); } }
    System.out.println(Files.lines(p.resolve("f")).distinct().collect(Collectors.toList()));
    Process q = new ProcessBuilder("sh", "-c", "cat; exit 5").redirectErrorStream(true).start(); q.outputWriter().append("to child\n").close();
    System.out.print(new String(q.getInputStream().readAllBytes())); System.out.println(q.waitFor());
    try { Files.readString(Path.of("none")); } catch (NoSuchFileException e) { System.out.println(e.getMessage()); }
    Object lock = new Object(); boolean[] go = {false}; Thread t = new Thread(() -> { synchronized (lock) { while (!go[0]) try { lock.wait(); } catch (InterruptedException e) { } System.out.println("woken"); } }); t.start();
    synchronized (lock) { go[0] = true; lock.notifyAll(); } t.join();
    try { deep(0); } catch (StackOverflowError e) { System.out.println("deep"); }
    try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null"); }
    System.out.println(IntStream.range(0, 1_000_000).parallel().filter(i -> i % 7 == 0).count());
    System.exit(args.length);
  }
  static int deep(int n) { return deep(n + 1) + 1; }
}
"""}

GO = {"go.mod": "module example.org/prog\n\ngo 1.19\n", "util/util.go": "package util\n\nfunc Twice(x int) int { return 2 * x }\n", "util/util_test.go": "package util\n\nimport \"testing\"\n\nfunc TestTwice(t *testing.T) { if Twice(2) != 4 { t.Fatal() } }\n",
      "main.go": r"""package main

import (
	"bufio"; "context"; "example.org/prog/util"; "fmt"; "io"; "net"; "os"; "os/exec"; "os/signal"; "runtime"; "sync"; "sync/atomic"; "syscall"; "time"
)

func main() {
	var wg sync.WaitGroup
	var n int64
	for i := 0; i < 10000; i++ { wg.Add(1); go func() { defer wg.Done(); atomic.AddInt64(&n, 1); runtime.Gosched() }() }
	wg.Wait()
	fmt.Println(n, util.Twice(21))
	ch := make(chan int)
	go func() { for i := 0; i < 1000; i++ { ch <- i }; close(ch) }()
	s := 0
	for v := range ch { s += v }
	fmt.Println(s)
	out, err := exec.Command("sh", "-c", "echo sub; exit 3").CombinedOutput()
	fmt.Printf("%q %v\n", out, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	fmt.Println(exec.CommandContext(ctx, "sleep", "100").Run())
	cancel()
	os.WriteFile("f", []byte("a\nb\n"), 0644)
	f, _ := os.Open("f")
	for sc := bufio.NewScanner(f); sc.Scan(); { fmt.Println(sc.Text()) }
	_, err = os.Open("none")
	fmt.Println(err)
	l, err := net.Listen("unix", "sock")
	if err != nil { panic(err) }
	go func() { c, _ := l.Accept(); io.Copy(c, c); c.Close() }()
	c, _ := net.Dial("unix", "sock")
	c.Write([]byte("echoed")); c.(*net.UnixConn).CloseWrite()
	b, _ := io.ReadAll(c)
	fmt.Println(string(b))
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-sig)
	for i := 0; i < 200; i++ { _ = make([]byte, 1<<20) }
	runtime.GC()
	defer func() { fmt.Println(recover()); os.Exit(6) }()
	var p *int
	*p = 1
}
"""}

CARGO = {"Cargo.toml": '[package]\nname = "prog"\nversion = "0.1.0"\nedition = "2021"\n', "src/lib.rs": "pub fn twice(x: u32) -> u32 { 2 * x }\n#[test]\nfn twice_is_double() { assert_eq!(twice(2), 4); }\n",
         "src/main.rs": r"""use std::{collections::BTreeMap, fs, io::{Read, Write}, os::unix::net::UnixStream, process::Command, sync::{mpsc, Arc, Mutex}, thread};
fn main() {
    let m = Arc::new(Mutex::new(0));
    let ts: Vec<_> = (0..32).map(|_| { let m = m.clone(); thread::spawn(move || for _ in 0..100 { *m.lock().unwrap() += 1; }) }).collect();
    for t in ts { t.join().unwrap(); }
    println!("{} {}", m.lock().unwrap(), prog::twice(21));
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || for i in 0..1000 { tx.send(i).unwrap(); });
    println!("{}", rx.iter().sum::<i32>());
    let o = Command::new("sh").args(["-c", "echo sub; exit 4"]).output().unwrap();
    println!("{:?} {:?}", String::from_utf8(o.stdout), o.status.code());
    let (mut a, mut b) = UnixStream::pair().unwrap();
    a.write_all(b"over").unwrap(); drop(a);
    let mut s = String::new(); b.read_to_string(&mut s).unwrap(); println!("{s}");
    fs::write("f", "text").unwrap(); println!("{:?} {:?}", fs::read_to_string("f"), fs::read("none").map_err(|e| e.kind()));
    let c: BTreeMap<char, u32> = "hello".chars().fold(BTreeMap::new(), |mut c, x| { *c.entry(x).or_default() += 1; c }); println!("{c:?}");
    println!("{:?}", thread::spawn(|| panic!("inside")).join().is_err());
    std::process::exit(9);
}
"""}

GIT = """export HOME=$PWD GIT_AUTHOR_DATE='2001-01-01T00:00:00Z' GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' GIT_PAGER=cat
git config --global user.name n; git config --global user.email e@x; git config --global init.defaultBranch main; git config --global advice.detachedHead false
git init -q r; cd r; for i in $(seq 300); do mkdir -p d$((i % 10)); seq $i >d$((i % 10))/f$i; done; git add .; git commit -qm first; for i in $(seq 20); do echo $i >>d1/f1; git commit -qam "number $i"; done
git log --format='%h %s' | head -3; git gc -q --aggressive; git fsck --full 2>/dev/null; git count-objects -v | grep -v size; cd ..
git clone -q r c; git clone -q --bare r b.git; git clone -q --depth 1 file://$PWD/r s; git -C s log --oneline | wc -l; git -C c log -1 --format=%H; diff -r r/d3 c/d3; cd c; git checkout -q -b topic HEAD~5; echo topic >t; git add t; git commit -qm topic
git rebase -q main; git log --oneline | head -2; git push -q origin topic; git branch -r; git merge-base topic main | wc -c; git stash list; echo x >>t; git stash -q; git status --short; git stash pop -q; git status --short
git checkout -q main 2>&1; git merge --no-ff -qm merge topic 2>&1 | head -1; git log --graph --oneline | head -4; git blame -s d1/f1 | head -2; git grep -c '^7$' | wc -l; git archive HEAD d2 | tar t | wc -l; git bisect start -q HEAD HEAD~10 2>&1 | head -1; git bisect run sh -c 'test $(wc -l <d1/f1) -lt 15' >/dev/null 2>&1; git bisect log | tail -1; git bisect reset -q
git worktree add -q ../w HEAD~1; git worktree list | wc -l; git submodule status; git repack -adq; git prune; git fsck; git bundle create -q ../x.bundle main; git bundle verify -q ../x.bundle; git clean -fdn; git rev-parse HEAD; cd ..; git -C b.git fetch -q ../c main:other; git -C b.git show-ref | cut -d' ' -f2; git daemon --help >/dev/null 2>&1; git ls-remote file://$PWD/b.git | wc -l; git diff --no-index --stat r/d1/f1 r/d1/f11"""


def test_make(tmp_path):
    need("g++", "make")
    bash("make -j2 2>&1 | sort; ./prog; echo $?; make; touch list.h; make -s; make clean; gcc -shared -fPIC -o lib.so lib.c; gcc -flto -O2 -o use use.c; ./use; gcc -static -o st -x c - <<<'int main(void) { return 7; }'; ./st; echo $?; nm use | grep -c main; objdump -d lib.so | grep -c twice; ar rc l.a main.o 2>/dev/null; ldd use | wc -l; gcc nothing.c; echo $?; strip use; ./use; gcc -g -pg -o p -x c - <<<'int main(void) { return 0; }'; ./p; ls gmon.out", tmp_path, MAKE)


def test_python_venv(tmp_path):
    """A virtual environment with pip in it, a wheel built from source, and that wheel installed: no network."""
    bash("export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INDEX=1; cd pkg; /usr/bin/python3 -c 'import setuptools.build_meta as b; print(b.build_wheel(\"../wheels\"))' 2>&1 | tail -1; cd ..; ls wheels; /usr/bin/python3 -m venv v; v/bin/pip install wheels/*.whl; v/bin/thing a b; v/bin/pip list --format=freeze | grep thing; v/bin/python -c 'import thing; print(thing.__file__)'; v/bin/pip uninstall -qy thing; v/bin/thing; echo $?; v/bin/pip install nothing-like-it 2>&1 | tail -1", tmp_path, PACKAGE)


def test_git(tmp_path):
    bash(GIT, tmp_path)


def test_node(tmp_path):
    need("node")
    status, out, _ = bash("node main.js; echo $?; node -e 'console.log(process.argv.length)' a; node -p '1 + 1'; node -e 'throw 1' 2>/dev/null; echo $?; echo 'console.log(2)' | node -", tmp_path, NODE)
    assert status == 0 and "usr2" in out and "through cat" in out


def test_java(tmp_path):
    need("javac", "java")
    status, out, _ = bash("javac -d c Main.java; java -cp c Main; echo $?; jar cfe m.jar Main -C c .; java -XX:+UseSerialGC -jar m.jar a >o; echo $?; tail -1 o; java Main.java a b | tail -2; java -cp c Nothing 2>&1 | head -1; echo 'System.out.println(6 * 7)' | jshell --execution local -s - 2>/dev/null", tmp_path, JAVA)
    assert status == 0 and "142858" in out


def test_go(tmp_path):
    need("go")
    status, out, _ = bash("export GOCACHE=$PWD/cache GOFLAGS=-mod=mod GOPROXY=off HOME=$PWD; go build -o prog . && ./prog; echo $?; go vet ./util; go test ./util | cut -f1,2; gofmt -l util; go run . | head -1; GOMAXPROCS=1 ./prog | md5sum; go list ./...", tmp_path, GO, timeout=240)
    assert status == 0 and "user defined signal 1" in out


def test_cargo(tmp_path):
    need("cargo")
    status, out, _ = bash("export CARGO_HOME=$PWD/home HOME=$PWD CARGO_TERM_COLOR=never; cargo build --offline -q && ./target/debug/prog 2>/dev/null; echo $?; cargo run --offline -q 2>/dev/null | head -1; cargo test --offline -q 2>&1 | grep -c 'test result: ok'; echo 'bad' >>src/lib.rs; cargo build --offline -q 2>/dev/null; echo $?", tmp_path, CARGO, timeout=240)
    assert status == 0 and "3200 42" in out
