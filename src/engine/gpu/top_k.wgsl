// The best scores and the logarithm of the sum of their exponentials: see the CPU's top_k.
//
// Each thread finds the best of a chunk of the scores; then one workgroup picks. The k best are in the k chunks whose bests
// are best. It picks these chunks, then among their scores, a round of candidates at a time: what comes after the k-th so far
// or after the k-th of the threads' bests is out, and of the few that are left each counts those before it. So there are few
// barriers, which are dear where a GPU is software.

struct Pair {
    item: u32,
    score: f32,
}

const NOBODY = Pair(0xffffffffu, EXCLUDED);
const LANES: u32 = 16u;
const LANE: u32 = PICKERS / LANES;
// Candidates of a round.
const ROUND: u32 = CANDIDATES * PICKERS;

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
// The best of each chunk: [CHUNKS]
@group(0) @binding(2) var<storage, read_write> bests: array<Pair>;
// The logarithm of each chunk's sum: [CHUNKS]
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
// Only pick has this one: the logarithm of the whole sum in place 0, then the best, [1 + k].
@group(0) @binding(4) var<storage, read_write> result: array<Pair>;

// The k best so far, in their order; nobody in places that are left.
var<workgroup> heads: array<Pair, MAX_K>;
// Each thread's best of a round.
var<workgroup> leaders: array<Pair, PICKERS>;
var<workgroup> bar: Pair;
// The k best so far, then what is not behind the bar: of at most k threads the CANDIDATES that each has.
var<workgroup> found: array<Pair, ROOM>;
var<workgroup> count: atomic<u32>;
// The first item of the chunks that were picked.
var<workgroup> picked: array<u32, MAX_K>;
// Logarithms of each thread's sum, then of each lane's.
var<workgroup> logs: array<f32, PICKERS + LANES>;

@compute @workgroup_size(WORKGROUP)
fn rank_chunk(@builtin(global_invocation_id) place: vec3<u32>) {
    if place.x >= CHUNKS {
        return;
    }
    var own = NOBODY;
    var sum = 0.0;
    for (var item = first_of(place.x); item < min(first_of(place.x) + CHUNK * GROUP, ITEMS); item += GROUP) {
        let score = scores[item];
        if score > own.score {
            sum = sum * power(own.score - score) + 1.0;
            own = Pair(item, score);
        } else if score > EXCLUDED {
            sum += power(score - own.score);
        }
    }
    bests[place.x] = own;
    sums[place.x] = select(EXCLUDED, own.score + log(sum), sum > 0.0);
}

@compute @workgroup_size(PICKERS)
fn pick(@builtin(local_invocation_index) local: u32) {
    var largest = EXCLUDED;
    var sum = 0.0;
    for (var chunk = local; chunk < CHUNKS; chunk += PICKERS) {
        let larger = max(largest, sums[chunk]);
        sum = sum * power(largest - larger) + power(sums[chunk] - larger);
        largest = larger;
    }
    logs[local] = largest + log(sum);
    best(CHUNKS, false, local);
    if local < LANES {
        logs[PICKERS + local] = log_sum(local * LANE, LANE);
    }
    if CHUNK > 1u {
        for (var place = local; place < call.k; place += PICKERS) {
            picked[place] = heads[place].item / (CHUNK * GROUP) * CHUNK * GROUP + heads[place].item % GROUP;
        }
        workgroupBarrier();
        best(call.k * CHUNK, true, local);
    }
    for (var place = local; place < call.k; place += PICKERS) {
        result[1u + place] = heads[place];
    }
    workgroupBarrier();
    if local == 0u {
        result[0] = Pair(0u, log_sum(PICKERS, LANES));
    }
}

fn first_of(chunk: u32) -> u32 {
    return chunk / GROUP * GROUP * CHUNK + chunk % GROUP;
}

// One of the chunks' bests, or of the scores of those that were picked.
fn candidate(place: u32, in_picked: bool) -> Pair {
    if !in_picked {
        return bests[place];
    }
    let item = picked[place / CHUNK] + place % CHUNK * GROUP;
    if item >= ITEMS {
        return NOBODY;
    }
    return Pair(item, scores[item]);
}

// heads = the k best of so many candidates.
fn best(number: u32, in_picked: bool, local: u32) {
    for (var place = local; place < MAX_K; place += PICKERS) {
        heads[place] = NOBODY;
    }
    for (var first = 0u; first < number; first += ROUND) {
        let end = min(first + ROUND, number);
        var own = NOBODY;
        for (var place = first + local; place < end; place += PICKERS) {
            own = better(candidate(place, in_picked), own);
        }
        for (var place = local; place < call.k; place += PICKERS) {
            found[place] = heads[place];
        }
        let last = better(admit(own, local), heads[call.k - 1u]);
        if !precedes(last, own) {
            for (var place = first + local; place < end; place += PICKERS) {
                let other = candidate(place, in_picked);
                if other.score > EXCLUDED && !precedes(last, other) {
                    found[atomicAdd(&count, 1u)] = other;
                }
            }
        }
        workgroupBarrier();
        settle(local);
        workgroupBarrier();
    }
}

// Higher scores come first, equal ones by item.
fn precedes(a: Pair, b: Pair) -> bool {
    return (a.score > b.score) | ((a.score == b.score) & (a.item < b.item));
}

fn better(a: Pair, b: Pair) -> Pair {
    if precedes(a, b) {
        return a;
    }
    return b;
}

// The exponential of what is not above zero; drivers need not know those of huge numbers.
fn power(x: f32) -> f32 {
    return exp(max(x, -80.0));
}

// The k-th of the threads' bests; nobody where there are fewer.
fn admit(own: Pair, local: u32) -> Pair {
    leaders[local] = own;
    if local == 0u {
        bar = NOBODY;
        atomicStore(&count, call.k);
    }
    workgroupBarrier();
    if own.score > EXCLUDED {
        var before = 0u;
        for (var i = 0u; i < PICKERS; i++) {
            before += u32(precedes(leaders[i], own));
        }
        if before == call.k - 1u {
            bar = own;
        }
    }
    workgroupBarrier();
    return bar;
}

// heads = the k best of what was found. Those of before are in their order.
fn settle(local: u32) {
    let all = atomicLoad(&count);
    for (var place = local; place < all; place += PICKERS) {
        let own = found[place];
        let is_head = place < call.k;
        var before = select(0u, place, is_head);
        for (var i = select(0u, call.k, is_head); i < all; i++) {
            before += u32(precedes(found[i], own));
        }
        if before < call.k {
            heads[before] = own;
        }
    }
}

// The logarithm of the sum of so many exponentials.
fn log_sum(first: u32, number: u32) -> f32 {
    var largest = EXCLUDED;
    for (var i = first; i < first + number; i++) {
        largest = max(largest, logs[i]);
    }
    var sum = 0.0;
    for (var i = first; i < first + number; i++) {
        sum += power(logs[i] - largest);
    }
    return largest + log(sum);
}
