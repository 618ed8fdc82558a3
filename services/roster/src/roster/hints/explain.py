"""The long answer to "why this hint?" (RO-35): rule, article and its words, law version, values seen, last day."""

from collections.abc import Mapping
from typing import Any, Final

from roster.hints.hint import Hint
from shared.law import DEFERMENT_REGULATION, DESIGN_POLICY, MILITARY_SERVICE_ACT, SYSTEM_MANUAL, rule

# SOURCE: 免役禁役緩徵緩召實施辦法 as amended on 2018-06-28 (the 2019 amendment left these articles as they were); the
# manual's list of changes made; 兵役法 Art. 3 in summary (facts.md 6.1),
# marked 摘要.
WORDING: Final[dict[tuple[str, str], str]] = {
    (
        DEFERMENT_REGULATION,
        "11-1",
    ): "依兵役法第三十五條第一項第一款規定，申請緩徵之學生，學校應依學生戶籍地分別繕造申請緩徵學生名冊，"
    "於註冊截止之日起一個月內，送各直轄市、縣(市)政府核定。",
    (DEFERMENT_REGULATION, "12-1"): "申請緩徵學生名冊未送達直轄市、縣(市)政府前，學生收受徵集令時，得由學校出具證明書，"
    "交由學生本人、戶長或其家屬持向戶籍地鄉(鎮、市、區)公所，轉報直轄市、縣(市)政府，申請緩徵。",
    (
        DEFERMENT_REGULATION,
        "11-2",
    ): "參與高級中等教育階段非學校型態實驗教育(以下簡稱實驗教育)之學生，未入學高級中等學校取得學籍者，應由學生本人、"
    "戶長或其家屬檢附直轄市、縣(市)主管教育行政機關出具之證明文件，向戶籍地鄉(鎮、市、區)公所申請緩徵，轉報直轄市、縣(市)政府核定。",
    (
        DEFERMENT_REGULATION,
        "12-2",
    ): "參與實驗教育之學生，未入學高級中等學校取得學籍者，其收受徵集令時，得由直轄市、縣(市)主管教育行政機關出具"
    "證明文件，交由學生本人、戶長或其家屬持向戶籍地鄉(鎮、市、區)公所，轉報直轄市、縣(市)政府，申請緩徵。",
    (DEFERMENT_REGULATION, "13-3"): "第一項役男志願於專科以上學校在學寒、暑假期間接受常備兵役軍事訓練時，仍受徵集。",
    (DEFERMENT_REGULATION, "14-1"): "經核准緩徵之學生，延長其修業年限者，學校應於次學期註冊截止之日起一個月內，"
    "繕造名冊送其戶籍地直轄市、縣(市)政府繼續緩徵。",
    (
        DEFERMENT_REGULATION,
        "14-2",
    ): "參與實驗教育之學生，未入學高級中等學校取得學籍者，經核准緩徵後，延長其實驗教育計畫期程，應由學生本人、戶長或其"
    "家屬檢附直轄市、縣(市)主管教育行政機關出具之證明文件，向戶籍地鄉(鎮、市、區)公所申請，轉報直轄市、縣(市)政府繼續緩徵。",
    (
        DEFERMENT_REGULATION,
        "14-3",
    ): "第一項學生留級、復學、轉學、轉系、轉科而影響原核准修業年限……者，均應重新辦理緩徵。",
    (DEFERMENT_REGULATION, "15-1"): "應受現役徵集之在學學生，有下列情形之一者，不得緩徵：……",
    (DEFERMENT_REGULATION, "15-1-1"): "肄業學校未經主管教育行政機關立案。",
    (DEFERMENT_REGULATION, "15-1-2"): "入學學籍未符合主管教育行政機關規定。",
    (DEFERMENT_REGULATION, "15-1-3"): "高級中等以上學校畢業生未經內政部核定，再就讀相同等級或低於原等級之學校。",
    (DEFERMENT_REGULATION, "15-1-4"): "就讀大專校院以下進修學校年齡逾二十八歲仍未畢業。",
    (DEFERMENT_REGULATION, "15-1-5"): "就讀前款以外學校年齡逾三十三歲仍未畢業。",
    (DEFERMENT_REGULATION, "15-2"): "應受現役徵集之學生，參與實驗教育年齡逾二十四歲仍未完成者，不得緩徵。",
    (DEFERMENT_REGULATION, "16-1"): "經核准緩徵之學生，有下列情形之一者，其緩徵原因消滅：……",
    (DEFERMENT_REGULATION, "16-1-1"): "畢業或完成實驗教育。",
    (DEFERMENT_REGULATION, "16-2"): "前項第二款規定之休學、退學或經開除學籍學生，其肄業學校應於學生離校之日起三十日內，"
    "通知其戶籍地直轄市、縣(市)政府廢止其緩徵核准，並依法徵集服役。",
    (DEFERMENT_REGULATION, "16-3"): "第一項第三款規定經同意退出或廢止許可實驗教育學生，其直轄市、縣(市)主管教育行政機關"
    "應於學生退出或廢止許可之日起三十日內，通知其戶籍地直轄市、縣(市)政府廢止其緩徵核准，並依法徵集服役。",
    (DEFERMENT_REGULATION, "16/1-0-1"): "訓練期滿結訓為後備役。",
    (DEFERMENT_REGULATION, "16/1-0-2"): "停止訓練時在營時間逾三十日，以已訓補充兵列管。",
    (SYSTEM_MANUAL, "update-12"): "系統提示新增事項：具「僑民役男」身分。",
    (
        MILITARY_SERVICE_ACT,
        "3",
    ): "（摘要）男子自滿十八歲之翌年一月一日起，至屆滿三十六歲之年十二月三十一日止，為役齡男子。",
    (DESIGN_POLICY, "AgeRule.YEAR_END"): "年齡限制計算至當年十二月三十一日止；緩徵期間不得逾該日。",
    (DESIGN_POLICY, "AgeRule.BIRTHDAY"): "年齡限制計算至生日當日止；緩徵期間不得逾該日。",
    (DESIGN_POLICY, "Registry.NOT_CHECKED"): "役政資訊系統未回復或查無資料之事項，應標示為「未查核」。",
    (DESIGN_POLICY, "Deferment.END"): "緩徵期間自核定之日起算，其末日不得早於起始日。",
    (DESIGN_POLICY, "Registry.BIRTH_DATE"): "名冊所載出生年月日應與役政資訊系統相符。",
    (
        DESIGN_POLICY,
        "StudyPeriods",
    ): "各學制修業年限及延長年限表（待主管機關確認）：高級中等學校3+2年；專科2+1年或5+2年；"
    "學士4+2年；碩士1至4年；博士2至7年。",
}
"""(law, article) → its words, for every article a hint may cite."""


@rule("RO-35")
def explain(hint: Hint | Mapping[str, object]) -> dict[str, Any]:
    """The explanation of a hint, or of one stored in the form of `Hint.as_dict`: that form, with each citation's words.

    Keys: code, rule, severity, message, message_en, values, last_day, law_version, visible_to_school, citations
    (law, article, version, text, text_en, wording). A stored hint keeps the version it was judged under.
    """
    told: dict[str, Any] = dict(hint.as_dict() if isinstance(hint, Hint) else hint)
    citations: list[dict[str, Any]] = []
    for citation in told["citations"]:
        wording = WORDING.get((citation["law"], citation["article"]))
        citations.append({**citation, "wording": wording})
    told["citations"] = citations
    return told
