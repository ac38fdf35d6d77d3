"""Databases and what else stays in the background, under `runsc do`, over unix sockets: as on the host."""
from programs import bash, need

REDIS = r"""
trap '[ -e pid ] && kill $(cat pid)' EXIT
redis-server --port 0 --unixsocket $PWD/s --dir $PWD --save '' --daemonize yes --logfile log --pidfile $PWD/pid >/dev/null
r() { redis-cli -s s "$@"; }
until r ping 2>/dev/null | grep -q PONG; do :; done
r set a 1; r incr a; r get a; r append a 23; r strlen a; r lpush l x y z; r lrange l 0 -1; r hset h f v g w; r hgetall h | sort; r sadd s 3 1 2; r sort s; r zadd z 2 b 1 a; r zrange z 0 -1 withscores
r setrange b 5 x; r get b | wc -c; r expire a 100; r ttl a | grep -c '^\(99\|100\)$'; r type l; r multi; r eval 'return redis.call("get", KEYS[1]) .. ARGV[1]' 1 a x; r xadd st 1-1 k v; r xlen st; r nosuch; r set b $(head -c 100000 /dev/zero | tr '\0' y) ; r strlen b
seq 2000 | sed 's/.*/set k& v&/' | redis-cli -s s --pipe 2>&1 | tail -1; r dbsize; r bgsave; until r info persistence | grep -q bgsave_in_progress:0; do :; done; r lastsave | wc -l; ls dump.rdb; redis-check-rdb dump.rdb | tail -1
(timeout 60 redis-cli -s s subscribe c >sub 2>&1) & until r publish c word | grep -qv 0; do :; done; until [ $(wc -l <sub) -ge 6 ]; do :; done; r client kill type pubsub; wait $! 2>&1; head -6 sub; r bgrewriteaof; (r blpop q 10 >popped) & until r info clients | grep -q blocked_clients:1; do :; done; r rpush q item; wait $!; cat popped
redis-benchmark -s s -q -n 2000 -c 20 -t set,get,lpush 2>/dev/null | tr '\r' '\n' | grep -c 'requests per second'
p=$(cat pid); r shutdown nosave; until ! kill -0 $p 2>/dev/null; do :; done; ls -S | tail -n +1 | grep -c rdb; grep -c 'bye bye' log
"""

POSTGRES = r"""
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH; u='setpriv --reuid=postgres --regid=postgres --init-groups env PGHOST=/D PGUSER=postgres PGTZ=UTC TZ=UTC'
d=$(mktemp -d); trap '$u pg_ctl -D $d/data -m immediate stop >/dev/null 2>&1; rm -rf $d' EXIT; chown postgres: $d; u=${u/\/D/$d}; cd $d
$u initdb -A trust -U postgres --no-sync --locale=C.UTF-8 -D $d/data 2>&1 | sed "s,$d,D," | grep -v -e pg_ctl -e timezone
initdb -D $d/other 2>&1 | head -1
echo "unix_socket_directories = '$d'" >>data/postgresql.conf; echo "listen_addresses = ''" >>data/postgresql.conf
$u pg_ctl -D data -l $d/log -w start >/dev/null; echo $?; $u pg_ctl -D data status | head -1 | sed 's/[0-9]\+/N/'
q() { $u psql -X -q -At "$@" 2>&1; }
q -c 'select 6 * 7' -c "select version() ~ 'PostgreSQL'" -c 'create table t(a serial primary key, b text unique, c jsonb)' -c "insert into t(b, c) select md5(i::text), jsonb_build_object('i', i) from generate_series(1, 20000) i" -c 'select count(*), min(b), max(b) from t' -c "select c->>'i' from t where b = md5('777')"
q -c 'begin; delete from t where a % 2 = 0; rollback' -c 'select count(*) from t' -c "insert into t(b) values (md5('1'))" -c 'create index on t((c->>$$i$$))' -c 'vacuum full analyze t' -c 'select sum(length(b)) from t' -c 'set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0; select count(distinct b) from t'
q -c 'select 1/0'; echo $?; q -c 'copy (select generate_series(1, 1000)) to stdout' | md5sum; seq 500 | q -c 'create table n(x int)' -c 'copy n from stdin' -c 'select sum(x) from n'
q -c "select pg_sleep(0.01), pg_advisory_lock(1), 1" | cut -d'|' -f3; q -c 'listen x; notify x' | sed 's/PID [0-9]*/PID/'; (q -c 'set statement_timeout = 50; select pg_sleep(100)')
q -c 'create database bench'; $u pgbench -q -i -s 1 bench >/dev/null 2>&1; echo $?; $u pgbench -n -c 4 -j 2 -t 50 bench 2>&1 | grep -e processed -e failed; q -d bench -c 'select count(*) from pgbench_history' -c 'select sum(abalance) = (select sum(bbalance) from pgbench_branches) from pgbench_accounts'
$u pg_dump -t n postgres | grep -c '^[0-9]*$'; $u createdb copy; $u pg_dump postgres | q -d copy >/dev/null; q -d copy -c 'select count(*) from t'
$u pg_ctl -D data -m immediate stop >/dev/null; $u pg_ctl -D data -l $d/log -w start >/dev/null; q -c 'select count(*) from t'; grep -c 'database system was not properly shut down' log
$u pg_ctl -D data -m fast -w stop; echo $?; $u pg_ctl -D data status; echo $?; grep -c 'database system is shut down' log; $u pg_controldata data | grep state; ls $d
"""


def test_redis(tmp_path):
    need("redis-server", "redis-cli")
    status, out, _ = bash(REDIS, tmp_path)
    assert status == 0 and "OK" in out


def test_postgres(tmp_path):
    """As a user that is not root: Postgres refuses otherwise."""
    need("setpriv")
    status, out, _ = bash(POSTGRES, tmp_path)
    assert status == 0 and "20000" in out
