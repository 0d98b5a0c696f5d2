// The best scores and the logarithm of the sum of their exponentials: see the CPU's top_k.
//
// Each workgroup ranks a tile of the scores, then one merges what the tiles found. What comes after the k-th of some teams'
// bests can't be among the k best; of the few that are left, each counts those before it. So the number of barriers, which
// are dear in software, does not grow with k.

struct Pair {
    item: u32,
    score: f32,
}

const NOBODY = Pair(0xffffffffu, EXCLUDED);
const LANES: u32 = 16u;
const LANE: u32 = WORKGROUP / LANES;

@group(0) @binding(0) var<uniform> call: Call;
// The best of each tile: [TILES, k]
@group(0) @binding(1) var<storage, read_write> pairs: array<Pair>;
// The logarithm of each tile's sum: [TILES]
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;
// Only rank_tile has this one,
@group(0) @binding(3) var<storage, read> scores: array<f32>;
// and only merge_tiles this one: the logarithm of the whole sum in place 0, then the best, [1 + k].
@group(0) @binding(3) var<storage, read_write> result: array<Pair>;

// Each thread's best; after `settle`, the k best of all.
var<workgroup> heads: array<Pair, WORKGROUP>;
var<workgroup> bar: Pair;
// Each team's best; then what is not after the bar: of the threads of k teams, at most all that they have.
var<workgroup> found: array<Pair, ROOM>;
var<workgroup> count: atomic<u32>;
// Logarithms of each thread's sum, then of each lane's.
var<workgroup> logs: array<f32, WORKGROUP + LANES>;

@compute @workgroup_size(WORKGROUP)
fn rank_tile(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let tile = group.x;
    let first = tile * TILE + local;
    let end = min((tile + 1u) * TILE, ITEMS);
    var own = NOBODY;
    var sum = 0.0;
    for (var item = first; item < end; item += WORKGROUP) {
        let score = scores[item];
        if score > own.score {
            sum = sum * power(own.score - score) + 1.0;
            own = Pair(item, score);
        } else if score > EXCLUDED {
            sum += power(score - own.score);
        }
    }
    logs[local] = select(EXCLUDED, own.score + log(sum), sum > 0.0);
    let last = admit(own, local);
    sum_lane(local);
    if !precedes(last, own) {
        for (var item = first; item < end; item += WORKGROUP) {
            offer(Pair(item, scores[item]), last);
        }
    }
    settle(local);
    if local < call.k {
        pairs[tile * call.k + local] = heads[local];
    }
    if local == 0u {
        sums[tile] = log_sum(WORKGROUP, LANES);
    }
}

@compute @workgroup_size(WORKGROUP)
fn merge_tiles(@builtin(local_invocation_index) local: u32) {
    var log_of_own = EXCLUDED;
    for (var tile = local; tile < TILES; tile += WORKGROUP) {
        let larger = max(log_of_own, sums[tile]);
        if larger > EXCLUDED {
            log_of_own = larger + log(power(log_of_own - larger) + power(sums[tile] - larger));
        }
    }
    logs[local] = log_of_own;
    // So many pairs at a time that a thread has no more of them than of a tile's scores, with what is best so far.
    let most = (TILE - WORKGROUP) / call.k * call.k;
    var kept = NOBODY;
    for (var first = 0u; first < TILES * call.k; first += most) {
        let end = min(first + most, TILES * call.k);
        var own = kept;
        for (var place = first + local; place < end; place += WORKGROUP) {
            if precedes(pairs[place], own) {
                own = pairs[place];
            }
        }
        let last = admit(own, local);
        if !precedes(last, own) {
            offer(kept, last);
            for (var place = first + local; place < end; place += WORKGROUP) {
                offer(pairs[place], last);
            }
        }
        settle(local);
        kept = NOBODY;
        if local < call.k {
            kept = heads[local];
        }
    }
    sum_lane(local);
    workgroupBarrier();
    if local < call.k {
        result[1u + local] = kept;
    }
    if local == 0u {
        result[0] = Pair(0u, log_sum(WORKGROUP, LANES));
    }
}

// Higher scores come first, equal ones by item.
fn precedes(a: Pair, b: Pair) -> bool {
    return a.score > b.score || (a.score == b.score && a.item < b.item);
}

// The exponential of what is not above zero; drivers need not know those of huge numbers.
fn power(x: f32) -> f32 {
    return exp(max(x, -100.0));
}

// The k-th best of the teams' bests; nobody where there are fewer. A small k needs few teams.
fn admit(own: Pair, local: u32) -> Pair {
    heads[local] = own;
    if local == 0u {
        bar = NOBODY;
        atomicStore(&count, 0u);
    }
    workgroupBarrier();
    let size = MAX_K / call.k;
    let teams = (WORKGROUP + size - 1u) / size;
    var best = NOBODY;
    if local < teams {
        for (var i = local * size; i < min((local + 1u) * size, WORKGROUP); i++) {
            if precedes(heads[i], best) {
                best = heads[i];
            }
        }
        found[local] = best;
    }
    workgroupBarrier();
    if best.score > EXCLUDED {
        var better = 0u;
        for (var i = 0u; i < teams; i++) {
            better += u32(precedes(found[i], best));
        }
        if better == call.k - 1u {
            bar = best;
        }
    }
    workgroupBarrier();
    return bar;
}

fn offer(pair: Pair, last: Pair) {
    if pair.score > EXCLUDED && !precedes(last, pair) {
        found[atomicAdd(&count, 1u)] = pair;
    }
}

// heads = the k best of what was offered, in their order; nobody in places that are left.
fn settle(local: u32) {
    workgroupBarrier();
    let all = atomicLoad(&count);
    for (var place = local; place < all; place += WORKGROUP) {
        var better = 0u;
        for (var i = 0u; i < all; i++) {
            better += u32(precedes(found[i], found[place]));
        }
        if better < call.k {
            heads[better] = found[place];
        }
    }
    if local >= all {
        heads[local] = NOBODY;
    }
    workgroupBarrier();
}

// Between two barriers: the sum of 16 threads' logarithms.
fn sum_lane(local: u32) {
    if local < LANES {
        logs[WORKGROUP + local] = log_sum(local * LANE, LANE);
    }
}

// The logarithm of the sum of so many exponentials.
fn log_sum(first: u32, number: u32) -> f32 {
    var largest = EXCLUDED;
    for (var i = first; i < first + number; i++) {
        largest = max(largest, logs[i]);
    }
    if largest <= EXCLUDED {
        return EXCLUDED;
    }
    var sum = 0.0;
    for (var i = first; i < first + number; i++) {
        sum += power(logs[i] - largest);
    }
    return largest + log(sum);
}
