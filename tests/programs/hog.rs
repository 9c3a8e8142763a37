// SPDX-License-Identifier: Apache-2.0
//! Takes memory and touches it, a megabyte at a time: `hog MEGABYTES`, once a line came on standard
//! input.
#![forbid(unsafe_code)]

fn main() {
    let most: usize = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(usize::MAX);
    println!("ready");
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).is_err() {
        return;
    }
    let mut taken: Vec<Vec<u8>> = Vec::new();
    for _ in 0..most {
        taken.push(vec![1; 1 << 20]);
        std::hint::black_box(&taken);
    }
    println!("has {most} megabytes");
}
