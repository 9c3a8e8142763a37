// SPDX-License-Identifier: Apache-2.0
//! Classic BPF as seccomp knows it: instructions, what they are run on, and an interpreter.
//!
//! The interpreter takes every instruction that the kernel takes in a filter (kernel/seccomp.c,
//! `seccomp_check_filter`), so that filters made by others can be judged with it as well. It never runs anything.

/// The longest program that the kernel takes (`BPF_MAXINSNS`).
pub const LONGEST: usize = 4096;

/// One instruction (`struct sock_filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Insn {
    /// Class, size, mode and operation.
    pub code: u16,
    /// How many instructions a conditional jump skips when it holds.
    pub jt: u8,
    /// How many it skips otherwise.
    pub jf: u8,
    /// Constant, offset or distance.
    pub k: u32,
}

/// What a program is run on (`struct seccomp_data`): one call, as the kernel sees it come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data {
    /// Number of the call, with the marker of x32 if it came that way.
    pub nr: u32,
    /// Which entry point was used, [`super::Abi::audit`].
    pub arch: u32,
    /// Where in the program the call was made.
    pub instruction_pointer: u64,
    /// The six argument registers.
    pub arguments: [u64; 6],
}

impl Data {
    /// The 32-bit word at byte `offset`, unless the kernel would refuse to load it.
    fn word(&self, offset: u32) -> Option<u32> {
        let half = |value: u64| if offset.is_multiple_of(8) { value as u32 } else { (value >> 32) as u32 };
        match offset {
            _ if !offset.is_multiple_of(4) => None,
            NR => Some(self.nr),
            ARCH => Some(self.arch),
            8 | 12 => Some(half(self.instruction_pointer)),
            ARGUMENTS..64 => Some(half(self.arguments[((offset - ARGUMENTS) / 8) as usize])),
            _ => None,
        }
    }
}

/// What came out of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The word that the program returned, see [`super::Action::decode`].
    pub word: u32,
    /// How many instructions were executed, the returning one included.
    pub steps: usize,
}

/// Why a program is none: the kernel would not load it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Run past the end, by falling or by jumping.
    #[error("the program runs past its end after instruction {at}")]
    PastEnd {
        /// Of the instruction that left.
        at: usize,
    },
    /// An instruction, offset or scratch cell that seccomp does not have.
    #[error("instruction {at} is not one that seccomp takes")]
    NotSeccomp {
        /// Of the instruction.
        at: usize,
    },
}

/// Runs `program` on one call, as the kernel would.
///
/// Ends always: every jump goes forward.
pub fn interpret(program: &[Insn], data: &Data) -> Result<Outcome, Malformed> {
    let (mut a, mut x, mut cells) = (0u32, 0u32, [0u32; 16]);
    let (mut at, mut steps) = (0usize, 0usize);
    loop {
        let insn = program.get(at).ok_or(Malformed::PastEnd { at: at.saturating_sub(1) })?;
        let refused = Malformed::NotSeccomp { at };
        let operand = if insn.code & SOURCE_X != 0 { x } else { insn.k };
        steps += 1;
        at += 1;
        match insn.code {
            LD_ABS => a = data.word(insn.k).ok_or(refused)?,
            LD_LEN => a = SIZE,
            LDX_LEN => x = SIZE,
            LD_IMM => a = insn.k,
            LDX_IMM => x = insn.k,
            LD_MEM => a = *cells.get(insn.k as usize).ok_or(refused)?,
            LDX_MEM => x = *cells.get(insn.k as usize).ok_or(refused)?,
            ST => *cells.get_mut(insn.k as usize).ok_or(refused)? = a,
            STX => *cells.get_mut(insn.k as usize).ok_or(refused)? = x,
            TAX => x = a,
            TXA => a = x,
            RET_K => return Ok(Outcome { word: insn.k, steps }),
            RET_A => return Ok(Outcome { word: a, steps }),
            JA => at = at.saturating_add(insn.k as usize),
            NEG => a = a.wrapping_neg(),
            code if code & CLASS == CLASS_JMP => {
                let holds = match code & !SOURCE_X {
                    JEQ => a == operand,
                    JGT => a > operand,
                    JGE => a >= operand,
                    JSET => a & operand != 0,
                    _ => return Err(refused),
                };
                at += usize::from(if holds { insn.jt } else { insn.jf });
            }
            code => {
                a = match code & !SOURCE_X {
                    ADD => a.wrapping_add(operand),
                    SUB => a.wrapping_sub(operand),
                    MUL => a.wrapping_mul(operand),
                    // The kernel refuses a constant zero, and ends the program with 0 for one in X.
                    DIV if operand == 0 && code & SOURCE_X != 0 => return Ok(Outcome { word: 0, steps }),
                    DIV => a.checked_div(operand).ok_or(refused)?,
                    AND => a & operand,
                    OR => a | operand,
                    XOR => a ^ operand,
                    LSH => a.wrapping_shl(operand),
                    RSH => a.wrapping_shr(operand),
                    _ => return Err(refused),
                }
            }
        }
    }
}

/// Offset of `nr` in [`Data`].
pub(super) const NR: u32 = 0;
/// Offset of `arch`.
pub(super) const ARCH: u32 = 4;
/// Offset of the first argument; each has its lower half first on the machines that we know.
pub(super) const ARGUMENTS: u32 = 16;

pub(super) const LD_ABS: u16 = 0x20;
pub(super) const RET_K: u16 = 0x06;
pub(super) const JA: u16 = 0x05;
pub(super) const JEQ: u16 = 0x15;
pub(super) const JGT: u16 = 0x25;
pub(super) const JGE: u16 = 0x35;
pub(super) const JSET: u16 = 0x45;
pub(super) const AND: u16 = 0x54;

const SIZE: u32 = 64;
const CLASS: u16 = 0x07;
const CLASS_JMP: u16 = 0x05;
const SOURCE_X: u16 = 0x08;
const LD_LEN: u16 = 0x80;
const LDX_LEN: u16 = 0x81;
const LD_IMM: u16 = 0x00;
const LDX_IMM: u16 = 0x01;
const LD_MEM: u16 = 0x60;
const LDX_MEM: u16 = 0x61;
const ST: u16 = 0x02;
const STX: u16 = 0x03;
const TAX: u16 = 0x07;
const TXA: u16 = 0x87;
const RET_A: u16 = 0x16;
const NEG: u16 = 0x84;
const ADD: u16 = 0x04;
const SUB: u16 = 0x14;
const MUL: u16 = 0x24;
const DIV: u16 = 0x34;
const OR: u16 = 0x44;
const LSH: u16 = 0x64;
const RSH: u16 = 0x74;
const XOR: u16 = 0xa4;

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Data = Data {
        nr: 1,
        arch: 2,
        instruction_pointer: 0x4_0000_0003,
        arguments: [0x6_0000_0005, 0, 0, 0, 0, 0xb_0000_000a],
    };

    fn insn(code: u16, k: u32) -> Insn {
        Insn { code, jt: 0, jf: 0, k }
    }

    fn run(program: &[Insn]) -> Result<u32, Malformed> {
        interpret(program, &DATA).map(|outcome| outcome.word)
    }

    #[test]
    fn every_word_of_the_data_is_where_the_kernel_has_it() {
        let words = [(0, 1), (4, 2), (8, 3), (12, 4), (16, 5), (20, 6), (24, 0), (56, 10), (60, 11)];
        for (offset, word) in words {
            assert_eq!(run(&[insn(LD_ABS, offset), insn(RET_A, 0)]), Ok(word), "offset {offset}");
        }
        for offset in [2, 61, 64, u32::MAX] {
            assert_eq!(run(&[insn(LD_ABS, offset)]), Err(Malformed::NotSeccomp { at: 0 }));
        }
    }

    #[test]
    fn arithmetic_and_scratch() {
        let program = [
            insn(LD_IMM, 6),
            insn(TAX, 0),
            insn(MUL | SOURCE_X, 0),
            insn(ST, 15),
            insn(LDX_MEM, 15),
            insn(LD_LEN, 0),
            insn(SUB | SOURCE_X, 0),
            insn(RSH, 2),
            insn(XOR, 1),
            insn(NEG, 0),
            insn(RET_A, 0),
        ];
        assert_eq!(run(&program), Ok(((64u32 - 36) >> 2 ^ 1).wrapping_neg()));
        assert_eq!(run(&[insn(LDX_IMM, 0), insn(DIV | SOURCE_X, 0), insn(RET_K, 9)]), Ok(0));
    }

    #[test]
    fn what_the_kernel_would_not_load_is_an_error() {
        assert_eq!(run(&[]), Err(Malformed::PastEnd { at: 0 }));
        assert_eq!(run(&[insn(LD_ABS, 0)]), Err(Malformed::PastEnd { at: 0 }));
        assert_eq!(
            run(&[insn(JA, u32::MAX), insn(RET_K, 0)]),
            Err(Malformed::PastEnd { at: u32::MAX as usize })
        );
        assert_eq!(run(&[insn(DIV, 0), insn(RET_K, 0)]), Err(Malformed::NotSeccomp { at: 0 }));
        assert_eq!(run(&[insn(ST, 16), insn(RET_K, 0)]), Err(Malformed::NotSeccomp { at: 0 }));
        // Half-word loads are classic BPF but not seccomp.
        assert_eq!(run(&[insn(0x28, 0), insn(RET_K, 0)]), Err(Malformed::NotSeccomp { at: 0 }));
    }

    #[test]
    fn conditional_jumps_count_from_the_next_instruction() {
        for (code, k, taken) in [(JEQ, 1, true), (JGT, 1, false), (JGE, 1, true), (JSET, 2, false)] {
            let program = [insn(LD_ABS, 0), Insn { code, jt: 1, jf: 0, k }, insn(RET_K, 0), insn(RET_K, 1)];
            assert_eq!(run(&program), Ok(u32::from(taken)), "code {code:#x}");
        }
    }
}
