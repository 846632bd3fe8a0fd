//! A fault of LLVM's that a component for wide arithmetic must not have.
//!
//! LLVM 19 to 22, which rustc 1.95 has, can put the use of the second result of an instruction that has
//! two before that instruction (llvm/llvm-project#199910, mended in LLVM 23 by #200429): for
//! `high + (low >> 63)` of a product it writes
//!
//! ```text
//! local.get 0     what `high` was before
//! local.get 1
//! local.get 0
//! i64.mul_wide_u
//! local.set 0     `high`
//! i64.const 63
//! i64.shr_u
//! i64.add         of what `high` was before
//! ```
//!
//! Nothing warns, and the sum is wrong. So what is built is looked through: a local that is set by such an
//! instruction must not lie on the stack with its old value. It may by right, which has not been seen;
//! the code then has to be written otherwise.

use anyhow::{Result, bail};
use wasmparser::{
    FuncValidator, FuncValidatorAllocations, FunctionBody, Operator, Parser, ValidPayload,
    Validator, ValidatorResources, WasmFeatures,
};

/// How many instructions with two results a component has.
///
/// # Errors
/// The local that one of them sets lies on the stack.
pub(crate) fn check(component: &[u8]) -> Result<usize> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let mut allocations = FuncValidatorAllocations::default();
    let mut count = 0;
    for payload in Parser::new(0).parse_all(component) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload?)? {
            let mut function = function.into_validator(allocations);
            count += check_function(&mut function, &body)?;
            allocations = function.into_allocations();
        }
    }
    Ok(count)
}

fn check_function(
    function: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
) -> Result<usize> {
    function.read_locals(&mut body.get_binary_reader())?;
    // What lies on the stack within a basic block: a local, or something else.
    let mut stack: Vec<Option<u32>> = Vec::new();
    let (mut count, mut to_set) = (0, 0_u32);
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        let arity = operator.operator_arity(&*function);
        function.op(offset, &operator)?;
        match &operator {
            Operator::LocalGet { local_index } => stack.push(Some(*local_index)),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                stack.pop();
                if to_set > 0 && stack.contains(&Some(*local_index)) {
                    bail!(
                        "LLVM has miscompiled wide arithmetic at byte {offset:#x} (llvm-project#199910): \
                         a sum takes what local {local_index} was before; write the code otherwise, or \
                         use a rustc with LLVM 23"
                    );
                }
                if matches!(operator, Operator::LocalTee { .. }) {
                    stack.push(None);
                }
            }
            operator if ends_block(operator) => stack.clear(),
            _ => {
                let (taken, given) = arity.unwrap_or_default();
                for _ in 0..taken {
                    stack.pop();
                }
                stack.extend((0..given).map(|_| None));
            }
        }
        to_set = match operator {
            Operator::I64Add128
            | Operator::I64Sub128
            | Operator::I64MulWideS
            | Operator::I64MulWideU => {
                count += 1;
                2
            }
            Operator::LocalSet { .. } | Operator::LocalTee { .. } => to_set.saturating_sub(1),
            _ => 0,
        };
    }
    Ok(count)
}

/// Whether control may go elsewhere from here.
fn ends_block(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Block { .. }
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::Else
            | Operator::End
            | Operator::If { .. }
            | Operator::Loop { .. }
            | Operator::Return
            | Operator::Unreachable
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod tests {
    use super::*;

    /// A module with one function of two numbers, with this code.
    fn module(code: &[u8]) -> Vec<u8> {
        let section = |id: u8, contents: &[u8]| {
            let length = u8::try_from(contents.len()).unwrap();
            [&[id, length], contents].concat()
        };
        let body = [&[0], code, &[0x0b]].concat();
        let length = u8::try_from(body.len()).unwrap();
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &[1, 0x60, 2, 0x7e, 0x7e, 1, 0x7e]),
            section(3, &[1, 0]),
            section(10, &[&[1, length], body.as_slice()].concat()),
        ]
        .concat()
    }

    const GET_0: &[u8] = &[0x20, 0];
    const GET_1: &[u8] = &[0x20, 1];
    const MULTIPLY: &[u8] = &[0xfc, 0x16];
    const SET_0: &[u8] = &[0x21, 0];
    /// `i64.const 63`, `i64.shr_u`.
    const SHIFT: &[u8] = &[0x42, 63, 0x88];
    const ADD: &[u8] = &[0x7c];

    #[test]
    fn a_result_that_is_used_before_it_is_there_is_found() {
        let wrong = [GET_0, GET_1, GET_0, MULTIPLY, SET_0, SHIFT, ADD].concat();
        let failure = check(&module(&wrong)).unwrap_err().to_string();
        assert!(failure.contains("local 0"), "{failure}");
        let right = [GET_1, GET_0, MULTIPLY, SET_0, SHIFT, GET_0, ADD].concat();
        assert_eq!(check(&module(&right)).unwrap(), 1);
        // Another local may lie there.
        let other = [GET_1, GET_1, GET_0, MULTIPLY, SET_0, SHIFT, ADD].concat();
        assert_eq!(check(&module(&other)).unwrap(), 1);
    }
}
