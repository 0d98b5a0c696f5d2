// Four int8 codes of each of four items times four of the query's int16 codes: unpacked, on any device.

// The lowest byte is the first code.
fn products(codes: vec4<u32>, quad: u32) -> vec4<i32> {
    let bytes = bitcast<vec4<i32>>(codes);
    let query = state.codes[quad];
    return ((bytes << vec4<u32>(24u)) >> vec4<u32>(24u)) * query.x + ((bytes << vec4<u32>(16u)) >> vec4<u32>(24u)) * query.y
        + ((bytes << vec4<u32>(8u)) >> vec4<u32>(24u)) * query.z + (bytes >> vec4<u32>(24u)) * query.w;
}
