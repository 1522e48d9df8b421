"""What people and agents say about how work goes, in the languages that they write.

Lists of plain phrases, not grammar: short messages are read with them, and a phrase that is missing costs a
signal, while one that says too much would make a wrong one.
"""

import re
from functools import cache, lru_cache

#: What is said further into a message is about the task, not about how it went, in characters.
MAX_READ_CHARS = 4_000
_BEGINNING_CHARS = 80
_APOSTROPHE = re.compile("['’]")
_NOT_A_WORD = re.compile(r"[\W_]+")
#: Languages that put no spaces between words.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

THANKS = """
    thanks|thank you|thx|ty|much appreciated|cheers
    danke|vielen dank|merci|merci beaucoup|gracias|muchas gracias|obrigado|obrigada|valeu|grazie|grazie mille
    谢谢|多谢|感谢|ありがとう|ありがとうございます|助かりました|고마워|고맙습니다|감사합니다|спасибо|благодарю
"""
PRAISE = """
    perfect|great|excellent|awesome|nice|amazing|brilliant|wonderful|good job|great job|well done|nice work
    good work|love it|looks good|looks great|lgtm|works now|it works|that works|works great|works perfectly
    works well|working now|that fixed it|fixed it|all good|exactly what i wanted|ship it|that's all
    that is all|that will be all|that'll be all|that's everything|nothing else|all set
    perfekt|super|prima|toll|klasse|sehr gut|gut gemacht|funktioniert jetzt|jetzt funktioniert es|das war's
    parfait|génial|super travail|très bien|bien joué|ça marche|ça fonctionne|c'est bon
    perfecto|genial|excelente|muy bien|buen trabajo|ya funciona|funciona bien|eso es todo
    perfeito|ótimo|excelente trabalho|muito bom|bom trabalho|agora funciona|funcionou|é só isso
    perfetto|ottimo|eccellente|molto bene|ottimo lavoro|ora funziona|funziona bene|è tutto
    完美|太好了|很好|非常好|不错|可以了|好用|成功了|搞定了|没问题了
    完璧|素晴らしい|いいですね|最高|動きました|直りました|うまくいきました|できました
    완벽|훌륭|좋아요|좋습니다|잘했어|잘 됩니다|이제 됩니다|작동합니다
    отлично|супер|прекрасно|идеально|хорошая работа|молодец|теперь работает|всё работает|все работает
"""
APPROVAL = """
    yes|yep|yeah|yup|sure|ok|okay|sounds good|go ahead|please proceed|proceed|do it|please do|correct
    that's right|that is correct|agreed|approved|i confirm|confirmed|makes sense|right
    ja|klar|passt|einverstanden|mach das|genau|oui|d'accord|vas-y|allez-y|exactement
    sí|si|claro|de acuerdo|adelante|vale|sim|pode fazer|pode ser|certo|va bene|procedi|esatto|certo
    好的|好|可以|是的|对|行|没问题|继续吧|はい|お願いします|了解|いいよ|そうです|네|예|그래|좋아|진행해
    да|хорошо|давай|ладно|верно|согласен|подтверждаю
"""
COMPLAINT = """
    doesn't work|does not work|didn't work|did not work|not working|isn't working|still fails|still failing
    still broken|still not|still doesn't|still getting|still see|still the same|same error|same problem
    same issue|broken|it broke|you broke|that's wrong|that is wrong|this is wrong|wrong again|incorrect
    not what i asked|not what i wanted|not what i meant|that's not right|that is not right|not correct
    why did you|why are you|you forgot|you missed|you didn't|you did not|you ignored|you deleted|you removed
    i told you|i already told|i said|stop doing|terrible|useless|awful|bad|worse|ridiculous|wtf|not fixed
    doesn't compile|does not compile|doesn't build|tests fail|tests are failing|it fails|it crashes|it's wrong
    frustrating|disappointed|not happy|unacceptable|hasn't been|not yet
    funktioniert nicht|geht nicht|geht immer noch nicht|immer noch|falsch|kaputt|du hast vergessen
    das stimmt nicht|nicht was ich wollte|schlecht|warum hast du
    ne marche pas|ne fonctionne pas|marche toujours pas|toujours pas|c'est faux|cassé|tu as oublié
    pas ce que je voulais|pourquoi as-tu|mauvais
    no funciona|sigue sin|todavía no|está mal|roto|te olvidaste|olvidaste|no es lo que|por qué hiciste
    não funciona|não funcionou|ainda não|está errado|quebrado|quebrou|você esqueceu|não é o que|por que você
    non funziona|ancora non|non va|è sbagliato|sbagliato|rotto|hai dimenticato|non è quello che|perché hai
    不行|不工作|没用|还是不|仍然|不对|错了|坏了|失败了|你忘了|不是我要的|为什么你|报错
    動かない|動きません|動作しません|まだ|違います|間違|壊れ|忘れて|できていない|失敗|エラーが出|直っていない
    안 돼|안돼|안 됩니다|작동하지 않|아직도|여전히|틀렸|잘못|망가|빠뜨렸|실패
    не работает|всё ещё|все еще|по-прежнему|неправильно|неверно|сломал|сломалось|ты забыл|вы забыли|не то
"""
CORRECTION = """
    no|nope|wrong|stop|wait|actually|instead|rather|i meant|i mean|not that|undo|revert|roll back|rollback
    change it back|put it back|don't|do not|you should have|try again|redo|that's not|that is not|hold on
    nein|stopp|warte|eigentlich|stattdessen|lieber|ich meinte|mach das rückgängig|rückgängig
    versuch es nochmal|nicht so|non|arrête|attends|en fait|plutôt|au lieu|je voulais dire|annule|réessaie
    pas ça|pas comme|no así|para|espera|en realidad|en vez de|en lugar de|quise decir|deshaz|revierte
    inténtalo de nuevo
    não|pare|espera aí|na verdade|em vez|quis dizer|desfaça|reverta|tente de novo|tente novamente
    no non|fermati|aspetta|in realtà|invece|intendevo|annulla|ripristina|riprova
    不要|不是|别|停|等等|其实|应该是|我的意思|撤销|回退|重新|改回
    いいえ|違う|待って|やめて|ではなく|じゃなくて|代わりに|元に戻して|やり直し|もう一度
    아니|아니요|멈춰|잠깐|사실|대신|말고|되돌려|다시 해
    нет|стоп|подожди|на самом деле|вместо|я имел в виду|отмени|верни|откати|попробуй ещё|не так
"""
GIVING_UP = """
    never mind|nevermind|forget it|i'll do it myself|i will do it myself|i give up|let's stop|leave it
    not worth it|i'll handle it|drop it|scrap it|abort|schon gut|vergiss es|ich mache es selbst|lass es
    laisse tomber|oublie|je le ferai moi-même|olvídalo|déjalo|lo haré yo|deixa pra lá|esquece|eu mesmo faço
    lascia stare|lascia perdere|lo faccio io|算了|不用了|我自己来|もういい|やめます|自分でやります
    됐어|그만|내가 할게|забудь|неважно|я сам сделаю|не надо
"""
CONTINUE = """
    continue|go on|keep going|carry on|proceed|next|resume|and|also|additionally|plus|one more|now also
    another thing|then|again|retry|finish|same for|likewise|while you're at it|as well|what about|how about
    weiter|mach weiter|auch|außerdem|noch|und|nochmal|continue s'il|aussi|et|encore|de plus|ensuite
    continúa|sigue|también|además|y|otra cosa|continua|continue por favor|também|além disso|e|mais uma
    continua|vai avanti|anche|inoltre|poi|继续|还有|另外|也|再|然后|続けて|続き|あと|また|それと|さらに
    계속|그리고|또|추가로|продолжай|дальше|также|ещё|и
"""
ADMISSION = """
    i was unable|i am unable|i'm unable|unable to|was not able|wasn't able|i am not able|i'm not able
    i could not|i couldn't|couldn't|i cannot|i can't|could not be|cannot be|can't be|unfortunately|i apologize
    i apologise|my apologies|i'm sorry|i am sorry|not possible|isn't possible|is not possible|failed to
    i failed|did not succeed|didn't succeed|without success|gave up|not available|no longer possible
    still failing|still fails|remains broken|not fixed|not able to|does not allow|doesn't allow|not permitted
    incomplete|not implemented|partially|workaround|blocked
    leider|konnte nicht|kann nicht|nicht möglich|es tut mir leid|ist fehlgeschlagen
    malheureusement|je n'ai pas pu|impossible de|je ne peux pas|désolé|a échoué
    lamentablemente|desafortunadamente|no pude|no puedo|no es posible|lo siento|falló
    infelizmente|não consegui|não posso|não é possível|desculpe|falhou
    purtroppo|non sono riuscito|non posso|non è possibile|mi dispiace|non riesco
    很抱歉|抱歉|无法|不能|未能|没能|遗憾|失败|申し訳|残念ながら|できませんでした|できません|失敗しました
    죄송|할 수 없|하지 못했|불가능|실패했|к сожалению|не удалось|не могу|невозможно|извините|не смог
"""
HANDOVER = """
    transfer you|transferring you|transferred to|human agent|human representative|hand over|hand this over
    escalate|escalated|escalating|contact support|customer service team|you will need to|you'll need to
    please run|manual intervention|manually|could you check|please check|please provide|can you provide
    you can try|menschlichen|wenden sie sich|agent humain|conseiller|agente humano|atendente|operatore umano
    转接|人工客服|担当者|オペレーター|상담원|оператору|специалисту
"""
DONE = """
    done|completed|complete|successfully|success|has been|have been|fixed|implemented|finished|resolved
    all tests pass|tests pass|all passing|passes|is now|are now|now works|all set|everything is|i've added
    i've updated|i've fixed|i have updated|i added|i fixed|i updated|committed|pushed|deployed|confirmed
    processed|cancelled|updated|booked|created|erledigt|fertig|abgeschlossen|erfolgreich|wurde|behoben
    terminé|fini|réussi|avec succès|a été|corrigé|listo|hecho|completado|con éxito|se ha|corregido|arreglado
    pronto|feito|concluído|com sucesso|foi|corrigido|fatto|completato|con successo|è stato|corretto|risolto
    完成|已完成|成功|已经|修复|通过|完了|しました|成功しました|修正しました|通りました
    완료|성공|했습니다|수정했|통과|готово|выполнено|успешно|завершено|исправлено|исправил|сделано
"""
_LISTS = {
    "thanks": THANKS,
    "praise": PRAISE,
    "approval": APPROVAL,
    "complaint": COMPLAINT,
    "correction": CORRECTION,
    "giving_up": GIVING_UP,
    "continue": CONTINUE,
    "admission": ADMISSION,
    "handover": HANDOVER,
    "done": DONE,
}


@cache
def phrases(kind: str) -> tuple[str, ...]:
    """Give the phrases of a kind as they are looked for, the longest first."""
    found = {phrase.strip() for line in _LISTS[kind].splitlines() for phrase in line.split("|")} - {""}
    return tuple(_looked_for(phrase) for phrase in sorted(found, key=lambda phrase: (-len(phrase), phrase)))


def _looked_for(phrase: str) -> str:
    return phrase if _UNSPACED.search(phrase) else f" {_APOSTROPHE.sub('', phrase)} "


@lru_cache(maxsize=512)
def _plain(text: str) -> str:
    """Give a text in small letters, its words one space apart, with nothing else between them."""
    words = " ".join(_NOT_A_WORD.sub(" ", _APOSTROPHE.sub("", text[:MAX_READ_CHARS].lower())).split())
    return f" {words} "


def count(kind: str, text: str) -> int:
    """Count how many different things of a kind a text says."""
    plain = _plain(text)
    return sum(phrase in plain for phrase in phrases(kind))


def says(kind: str, text: str) -> str:
    """Give what a text says of a kind; empty where it says nothing of it."""
    plain = _plain(text)
    return next((phrase.strip() for phrase in phrases(kind) if phrase in plain), "")


def begins(kind: str, text: str) -> bool:
    """Say whether a text begins with something of a kind."""
    plain = _plain(text[:_BEGINNING_CHARS])
    return any(plain.startswith(phrase) or plain[1:].startswith(phrase) for phrase in phrases(kind))
