"""Databases and what else stays in the background, under `runsc do`, over unix sockets: as on the host."""
from programs import bash, need

REDIS = r"""
redis-server --port 0 --unixsocket $PWD/s --dir $PWD --save '' --daemonize yes --logfile log --pidfile $PWD/pid >/dev/null
r() { redis-cli -s s "$@"; }
until r ping 2>/dev/null | grep -q PONG; do :; done
r set a 1; r incr a; r get a; r append a 23; r strlen a; r lpush l x y z; r lrange l 0 -1; r hset h f v g w; r hgetall h | sort; r sadd s 3 1 2; r sort s; r zadd z 2 b 1 a; r zrange z 0 -1 withscores
r setrange b 5 x; r get b | wc -c; r expire a 100; r ttl a | grep -c '^\(99\|100\)$'; r type l; r multi; r eval 'return redis.call("get", KEYS[1]) .. ARGV[1]' 1 a x; r xadd st 1-1 k v; r xlen st; r nosuch; r set b $(head -c 100000 /dev/zero | tr '\0' y) ; r strlen b
seq 2000 | sed 's/.*/set k& v&/' | redis-cli -s s --pipe 2>&1 | tail -1; r dbsize; r bgsave; until r info persistence | grep -q bgsave_in_progress:0; do :; done; r lastsave | wc -l; ls dump.rdb; redis-check-rdb dump.rdb | tail -1
(timeout 60 redis-cli -s s subscribe c >sub 2>&1) & until r publish c word | grep -qv 0; do :; done; until [ $(wc -l <sub) -ge 6 ]; do :; done; r client kill type pubsub; wait $! 2>&1; head -6 sub; r bgrewriteaof; (r blpop q 10) & until r info clients | grep -q blocked_clients:1; do :; done; r rpush q item; wait $!
redis-benchmark -s s -q -n 2000 -c 20 -t set,get,lpush 2>/dev/null | tr '\r' '\n' | grep -c 'requests per second'
p=$(cat pid); r shutdown nosave; until ! kill -0 $p 2>/dev/null; do :; done; ls -S | tail -n +1 | grep -c rdb; grep -c 'bye bye' log
"""

def test_redis(tmp_path):
    need("redis-server", "redis-cli")
    status, out, _ = bash(REDIS, tmp_path)
    assert status == 0 and "OK" in out
