// What counting adds to single scores, and which items are out, one thread an item: see the CPU's adjust.

struct Adjustment {
    item: u32,
    excluded: u32,
    constant: f32,
    features: array<f32, FEATURES>,
}

@group(0) @binding(0) var<uniform> call: Call;
// Score's.
@group(0) @binding(1) var<storage, read> gates: array<f32>;
@group(0) @binding(2) var<storage, read> adjustments: array<Adjustment>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn adjust(@builtin(global_invocation_id) place: vec3<u32>) {
    if place.x >= call.adjustments {
        return;
    }
    let adjustment = adjustments[place.x];
    var gained = adjustment.constant;
    for (var feature = 0u; feature < FEATURES; feature++) {
        gained += gates[1u + feature] * adjustments[place.x].features[feature];
    }
    // So far below zero, what is gained is lost in rounding: an item once out stays out.
    scores[adjustment.item] = select(scores[adjustment.item] + gained, EXCLUDED, adjustment.excluded != 0u);
}
