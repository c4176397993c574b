"""Do learned policies beat hand-made ones on crashes that they never saw?

    python experiments/learned.py train
    python experiments/learned.py evaluate --data DIR

**Protocol**, written and committed before anything was trained.

*How much (severity).*

1. Trained on four simulators whose sizes, levels, rounds, markets and units are drawn
   anew in each event: `tier_volatility`, `tick_move`, `impact_only` and `no_tiers`
   (`learned_severity.py`). The loss is |raised - needed| over what was needed.
2. Five candidates. `specialists`: a log-linear severity for each simulator, and AdaHedge
   (median vote) over the four. `specialists_and_pool`: the same with the hand-made pool
   as further experts. `mixture`: one log-linear severity for all simulators. `network`:
   one small network for all. `tuned_pool`: the numbers of the hand-made pool, from where
   they are. A specialist stops where new events of its own simulator say so, the others
   where two validation families do: `regime_switches` and `heavy_tails`.
3. Three trainings of each (seeds 0, 1, 2). The candidate whose mean loss over validation
   families and seeds is lowest is *the learned severity*. Nothing else is chosen.
4. All numbers are rounded to float32 and written to files, and their fingerprints to
   `results/learned.json`; both are committed before step 5.
5. One evaluation of the frozen files:
   - Held-out families (`families.HELD_OUT`), 400 new events each. Rivals: the hand-made
     `notional_learner`, which was chosen in advance too; and the hand-made learner that
     is best on that very family in hindsight. Differences are paired, event by event, of
     losses that are averaged over the three seeds. *Beats* means that the 95 % interval
     lies below zero.
   - The sixteen real rounds, each seed once, and 200 random orders of them, beside doing
     nothing and constant rates. Each is appended to `real_rounds.log`. Below 1.2 % of the
     bound is a leak until shown otherwise.
   - The closed loop: 256 crashes of the default scenario with 200 accounts, the share of
     what was needed that was missed, paired with `notional_learner` and constants.
   - Ablations on the held-out families: no features, each simulator alone, no
     specialists (`mixture`), and the candidates that were not chosen.

*Who (allocation).*

6. A set network and a leverage curve, trained on books of 200 accounts halfway through
   the default crash (`learned_allocation.py`). What is made small is the largest haircut
   fraction plus the next-step deficit, C-(32), over the deficit that is raised. Validation:
   books of 100 accounts and a larger next shock.
7. Evaluated once: 1024 books of the default scenario, and of October 10, with other keys;
   and 256 crashes of the closed loop. Paired with queue and pro rata in both figures.
   *Pareto-improves* means that one figure's 95 % interval lies below zero and the
   other's does not lie above it. Feasibility is checked on every one of these books.

Nothing of the real rounds is used before step 5, and nothing is changed after it. What
does not hold is reported as such.
"""
