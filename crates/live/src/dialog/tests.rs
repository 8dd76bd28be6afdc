//! What messages are recorded as, without a proxy around them.
#![allow(clippy::unwrap_used)]

use avouch::trace::{Decision, Flags, Kind};

use super::*;

fn dialog(serves: bool) -> Dialog {
    Dialog::new(Names {
        agent: "planner".into(),
        other: "calc".into(),
        serves,
    })
}

/// Records steps as a proxy would, from seq 10 on.
fn settle(dialog: &mut Dialog, steps: Vec<Step>) -> Vec<Draft> {
    let keep = |(at, step): (usize, Step)| {
        let place = match step.place {
            Place::New(_) => Place::Run(RunKey(7)),
            place => place,
        };
        dialog.settle(step.then, place, 10 + at as u64);
        step.draft
    };
    steps.into_iter().enumerate().map(keep).collect()
}

fn client(dialog: &mut Dialog, text: &str) -> Vec<Draft> {
    let steps = dialog.client("s", text.as_bytes(), None);
    settle(dialog, steps)
}

fn server(dialog: &mut Dialog, text: &str) -> Vec<Draft> {
    let steps = dialog.server("s", text.as_bytes(), true);
    settle(dialog, steps)
}

const CALL: &str = r#"{"id":1,"method":"tools/call","params":{"name":"add"}}"#;

#[test]
fn an_answer_counts_once_and_only_in_its_scope_and_with_its_id() {
    let mut dialog = dialog(false);
    client(&mut dialog, CALL);
    for other in [r#"{"id":"1","result":{}}"#, r#"{"id":2,"result":{}}"#] {
        assert!(server(&mut dialog, other).is_empty());
    }
    let answer = br#"{"id":1,"result":{"isError":true}}"#;
    assert!(dialog.server("other", answer, true).is_empty());
    let steps = dialog.server("s", answer, true);
    let found = settle(&mut dialog, steps);
    assert_eq!(found[0].parent, Some(10));
    assert!(found[0].flags.contains(Flags::ERROR));
    assert!(dialog.server("s", answer, true).is_empty());
}

#[test]
fn a_call_that_asks_for_no_answer_is_recorded_all_the_same() {
    for call in [
        r#"{"method":"tools/call","params":{"name":"add"}}"#,
        r#"{"id":null,"method":"tools/call","params":{"name":"add"}}"#,
        r#"[{"method":"notifications/x"},{"method":"tools/call"}]"#,
    ] {
        let found = client(&mut dialog(false), call);
        assert_eq!(found.len(), 1, "{call}");
        assert_eq!(found[0].kind, Kind::ToolCall);
    }
}

#[test]
fn a_cancellation_is_noted_with_the_call_that_it_is_about() {
    let mut dialog = dialog(false);
    client(&mut dialog, CALL);
    let cancel = |id: &str| {
        format!(
            r#"{{"method":"notifications/cancelled","params":{{"requestId":{id},"reason":"late"}}}}"#
        )
    };
    assert!(client(&mut dialog, &cancel("2")).is_empty());
    let noted = client(&mut dialog, &cancel("1"));
    assert_eq!(noted[0].kind, Kind::Note);
    assert_eq!(noted[0].parent, Some(10));
}

#[test]
fn elicitations_and_their_answers_are_approvals_without_a_human() {
    let mut dialog = dialog(false);
    for (action, decision) in [
        ("accept", Decision::Allow),
        ("decline", Decision::Deny),
        ("cancel", Decision::None),
    ] {
        let asked = server(
            &mut dialog,
            r#"{"id":7,"method":"elicitation/create","params":{"message":"sure?"}}"#,
        );
        assert_eq!(asked[0].kind, Kind::ApprovalAsked);
        assert_eq!(asked[0].decision, Decision::AskHuman);
        let answer = format!(r#"{{"id":7,"result":{{"action":"{action}"}}}}"#);
        let given = client(&mut dialog, &answer);
        assert_eq!(given[0].kind, Kind::ApprovalGiven);
        assert_eq!(given[0].decision, decision);
        assert_eq!(given[0].parent, Some(10));
        assert!(!given[0].flags.contains(Flags::HUMAN));
    }
}

#[test]
fn sampling_is_a_model_call_whose_cost_nobody_told() {
    let mut dialog = dialog(false);
    let asked = server(
        &mut dialog,
        r#"{"id":7,"method":"sampling/createMessage","params":{"messages":[]}}"#,
    );
    assert_eq!(asked[0].kind, Kind::ModelCall);
    let given = client(
        &mut dialog,
        r#"{"id":7,"result":{"model":"m","content":{}}}"#,
    );
    assert_eq!(given[0].kind, Kind::MessageOut);
    assert_eq!(given[0].subject.as_deref(), Some("model:m"));
    assert_eq!(given[0].cost, None);
    assert_eq!(given[0].parent, Some(10));
}

#[test]
fn what_a_tool_asks_for_first_and_what_it_then_gets_are_recorded() {
    let mut dialog = dialog(false);
    client(&mut dialog, CALL);
    let asked = server(
        &mut dialog,
        r#"{"id":1,"result":{"resultType":"input_required","requestState":"s",
            "inputRequests":{"ok":{"method":"elicitation/create","params":{}}}}}"#,
    );
    let kinds: Vec<_> = asked.iter().map(|draft| draft.kind).collect();
    assert_eq!(kinds, [Kind::ToolResult, Kind::ApprovalAsked]);
    let again = client(
        &mut dialog,
        r#"{"id":2,"method":"tools/call","params":{"name":"add","requestState":"s",
            "inputResponses":{"ok":{"action":"accept","content":{}}}}}"#,
    );
    let kinds: Vec<_> = again.iter().map(|draft| draft.kind).collect();
    assert_eq!(kinds, [Kind::ApprovalGiven, Kind::ToolCall]);
    assert_eq!(again[0].decision, Decision::Allow);
    assert_eq!(again[0].parent, Some(11));
}

#[test]
fn calls_that_nobody_answered_are_named_at_the_end() {
    let mut dialog = dialog(false);
    client(&mut dialog, CALL);
    client(&mut dialog, r#"{"id":5,"method":"initialize","params":{}}"#);
    let given_up = dialog.give_up(&|_| true, "the end");
    assert_eq!(given_up.len(), 1);
    assert_eq!(given_up[0].draft.parent, Some(10));
    assert!(dialog.give_up(&|_| true, "the end").is_empty());
}

#[test]
fn a_served_task_is_a_run_that_ends_with_it() {
    let mut dialog = dialog(true);
    let send = r#"{"id":1,"method":"SendMessage","params":{"message":{"messageId":"m"}}}"#;
    let steps = dialog.client("s", send.as_bytes(), None);
    assert!(matches!(steps[0].place, Place::New(None)));
    assert_eq!(steps[0].draft.kind, Kind::MessageIn);
    settle(&mut dialog, steps);
    let working =
        r#"{"id":1,"result":{"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}}"#;
    assert_eq!(server(&mut dialog, working)[0].kind, Kind::Note);
    let more = r#"{"id":2,"method":"SendMessage","params":{"message":{"taskId":"t"}}}"#;
    let steps = dialog.client("s", more.as_bytes(), None);
    assert!(matches!(steps[0].place, Place::Run(RunKey(7))));
    let unknown = r#"{"id":3,"method":"tasks/cancel","params":{"id":"other"}}"#;
    assert!(client(&mut dialog, unknown).is_empty());
    let cancel = r#"{"id":3,"method":"tasks/cancel","params":{"id":"t"}}"#;
    let noted = client(&mut dialog, cancel);
    assert_eq!((noted[0].kind, noted[0].parent), (Kind::Note, Some(10)));
}
