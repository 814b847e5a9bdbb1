//! One table of scenarios through every door: the proxy, the SDK's client, and one that writes while the other reads.
//! All must say what a plaintext twin says, and of a refusal the same words (issue 5, Measures).

pub(crate) mod answer;
mod axes;
mod calls;
pub(crate) mod door;
pub(crate) mod driver;
mod mixed;
pub(crate) mod param;
pub(crate) mod scenario;
pub(crate) mod sdk;
pub(crate) mod stage;

use axes::PAIRS;
use driver::Driver;
use mixed::Mixed;
use param::Form;
use sdk::Sdk;
use stage::Stage;

/// Plays a file through all doors.
async fn play(name: &str, file: &str) {
    let stage = Stage::new(name);
    let mut group = stage.group(file).await;
    let (proxy, sdk) = (stage.proxy(Form::Text), stage.sdk(Form::Binary).await);
    stage.play(&mut group, &proxy).await;
    stage.play(&mut group, &stage.proxy(Form::Binary)).await;
    stage.play(&mut group, &sdk).await;
    stage.play(&mut group, &stage.sdk(Form::Text).await).await;
    stage.play(&mut group, &Mixed { writes: &proxy, reads: &sdk }).await;
    stage.play(&mut group, &Mixed { writes: &sdk, reads: &proxy }).await;
    stage.close(group);
}

/// Plays it in sessions of all kinds.
async fn play_in_all_sessions(name: &str, file: &str) {
    let stage = Stage::new(name);
    for (axes, (one, other)) in
        PAIRS.into_iter().zip([(Form::Text, Form::Binary), (Form::Binary, Form::Text)].into_iter().cycle())
    {
        println!("{axes:?}");
        let (everywhere, in_utf8) = (axes.setup(&stage.role, true), axes.setup(&stage.role, false));
        let mut group = stage.group_in(file, everywhere.clone()).await;
        stage.play(&mut group, &Driver { setup: everywhere, ..stage.proxy(one) }).await;
        stage.close(group);
        let mut group = stage.group_in(file, in_utf8.clone()).await;
        stage.play(&mut group, &Sdk::set_up(&stage.world, other, in_utf8).await).await;
        stage.close(group);
    }
}

macro_rules! groups {
    ($play:ident: $($(#[$known:meta])? $test:ident: $file:literal;)*) => {
        $(#[tokio::test]
        $(#[$known])?
        async fn $test() {
            $play(concat!("doors", line!()), $file).await;
        })*
    };
}

groups! { play:
    sealed_tables_are_the_same_through_every_door: "sealed.sql";
    signed_tables_are_the_same_through_every_door: "signed.sql";
    values_of_every_type_are_the_same_through_every_door: "values.sql";
    arrays_are_the_same_through_every_door: "arrays.sql";
    transactions_are_the_same_through_every_door: "blocks.sql";
    parameters_are_the_same_through_every_door: "parameters.sql";
    joins_and_subqueries_are_the_same_through_every_door: "joined.sql";
    writes_through_subqueries_are_the_same_through_every_door: "written.sql";
    refusals_are_the_same_through_every_door: "refusals.sql";
    tampering_is_found_through_every_door: "tampering.sql";
}

groups! { play_in_all_sessions:
    sealed_tables_are_the_same_in_sessions_of_all_kinds: "sealed.sql";
    signed_tables_are_the_same_in_sessions_of_all_kinds: "signed.sql";
    values_of_every_type_are_the_same_in_sessions_of_all_kinds: "values.sql";
    arrays_are_the_same_in_sessions_of_all_kinds: "arrays.sql";
    transactions_are_the_same_in_sessions_of_all_kinds: "blocks.sql";
    parameters_are_the_same_in_sessions_of_all_kinds: "parameters.sql";
    joins_and_subqueries_are_the_same_in_sessions_of_all_kinds: "joined.sql";
    writes_through_subqueries_are_the_same_in_sessions_of_all_kinds: "written.sql";
    refusals_are_the_same_in_sessions_of_all_kinds: "refusals.sql";
    tampering_is_found_in_sessions_of_all_kinds: "tampering.sql";
}
