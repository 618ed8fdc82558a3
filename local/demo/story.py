"""The story, act by act."""

from local.demo import (
    act1_reference,
    act2_submission,
    act3_review,
    act4_approval,
    act5_results,
    act6_changes,
    act7_walls,
)
from local.demo.scene import Scene


async def tell(scene: Scene) -> None:
    """All of it; raises `NotAsTold` at the first thing that is not as told."""
    with scene.teller.act("學校名錄、註冊截止日與先行核定", "The list, the terms, and the other school first"):
        await act1_reference.tell(scene)
    with scene.teller.act("臺大系統送冊", "National Taiwan University's system posts"):
        await act2_submission.tell(scene)
    with scene.teller.act("承辦人審查", "The case officer reviews"):
        await act3_review.tell(scene)
    with scene.teller.act("陳核、退回、撤回與核定", "Submitted, returned, recalled, decided"):
        await act4_approval.tell(scene)
    with scene.teller.act("註記、通知與結果查詢", "Annotations, notices, results"):
        await act5_results.tell(scene)
    with scene.teller.act("延長修業、原因消滅、更正與撤回", "Extended, ended, corrected, withdrawn"):
        await act6_changes.tell(scene)
    with scene.teller.act("界線", "Walls"):
        await act7_walls.tell(scene)
