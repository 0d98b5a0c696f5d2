// Every item's score, four items a thread: see the CPU's score. The sum is an exact integer, as there. In front of it
// stands a file with `products`.

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> state: State;
// The codes of a shard's items, four bytes a word, where neighbouring threads read neighbouring words:
// [items / GROUP, WORDS, GROUP]
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> scales: array<f32>;
@group(0) @binding(4) var<storage, read> biases: array<f32>;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;
// The shard's first item, and the one after its last.
@group(0) @binding(6) var<uniform> shard: vec4<u32>;
// Kept for adjust, even if another step of the encoder comes between.
@group(0) @binding(7) var<storage, read_write> gates: array<f32>;
// What is known beside the model; EXCLUDED takes an item out, since whatever is added to it is lost in rounding.
@group(0) @binding(8) var<storage, read> priors: array<f32>;

// From an item's word to that of the item a group further on.
const STRIDE: u32 = GROUP * WORDS;

@compute @workgroup_size(WORKGROUP)
fn score(@builtin(global_invocation_id) place: vec3<u32>) {
    let group = place.x / GROUP * 4u;
    let lane = place.x % GROUP;
    let first = shard.x + group * GROUP + lane;
    if first == 0u {
        for (var term = 0u; term < TERMS; term++) {
            gates[term] = state.gates[term] + call.open[term / 4u][term % 4u];
        }
    }
    var sums = vec4<i32>();
    var at = group * STRIDE + lane;
    for (var word = 0u; word < WORDS; word++) {
        let codes = vec4(rows[at], rows[at + STRIDE], rows[at + 2u * STRIDE], rows[at + 3u * STRIDE]);
        at += GROUP;
        if BITS == 8u {
            sums += products(codes, word);
        } else {
            // Of 16 bytes the low nibbles are 16 codes, the high ones the next 16.
            let quad = word / 4u * 8u + word % 4u;
            sums += products(widen(codes), quad) + products(widen(codes >> vec4<u32>(4u)), quad + 4u);
        }
    }
    let popularity_gate = state.gates[0] + call.open[0][0];
    for (var i = 0u; i < 4u; i++) {
        let item = first + i * GROUP;
        if item < shard.y {
            var score = f32(sums[i]) * (state.scale * scales[item]) + popularity_gate * biases[item];
            if call.has_priors != 0u {
                score += priors[item];
            }
            scores[item] = score;
        }
    }
}

// The low nibbles, less 8 each, as int8: with its third bit turned a nibble is that number in four bits.
fn widen(nibbles: vec4<u32>) -> vec4<u32> {
    let turned = (nibbles & vec4<u32>(0x0f0f0f0fu)) ^ vec4<u32>(0x08080808u);
    return turned | ((turned & vec4<u32>(0x08080808u)) * 30u);
}
