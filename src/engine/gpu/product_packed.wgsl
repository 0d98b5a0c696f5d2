// Four int8 codes of each of four items times four of the query's int16 codes, where devices multiply four bytes at once.

fn products(codes: vec4<u32>, quad: u32) -> vec4<i32> {
    return vec4(product(codes.x, quad), product(codes.y, quad), product(codes.z, quad), product(codes.w, quad));
}

fn product(codes: u32, quad: u32) -> i32 {
    let both = state.bytes[quad];
    return 256 * dot4I8Packed(codes, both.x) + dot4I8Packed(codes, both.y) + 128 * dot4I8Packed(codes, 0x01010101u);
}
