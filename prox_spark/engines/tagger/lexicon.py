"""Words of web interfaces in scripts without spaces, mapped to English ones, and function words of many languages.

The model has seen labelled pages in English alone. What a menu says is the same everywhere, so these words are shown
to it in English; every other Chinese or Japanese word it sees only as length and punctuation.
"""

from __future__ import annotations

import re

INTERFACE: dict[str, str] = {
    "首页": "home", "主页": "home", "网站首页": "home", "登录": "login", "登錄": "login", "登入": "login",
    "注册": "register", "註冊": "register", "搜索": "search", "搜尋": "search", "搜寻": "search", "检索": "search",
    "更多": "more", "联系我们": "contact", "聯絡我們": "contact", "联系方式": "contact", "关于我们": "about",
    "關於我們": "about", "网站地图": "sitemap", "網站地圖": "sitemap", "版权所有": "copyright",
    "版權所有": "copyright", "版权": "copyright", "备案": "copyright", "保留所有权利": "reserved",
    "隐私": "privacy", "隱私": "privacy", "条款": "terms", "條款": "terms", "声明": "disclaimer",
    "评论": "comments", "評論": "comments", "留言": "comments", "回复": "reply", "回覆": "reply", "发表": "post",
    "分享": "share", "收藏": "bookmark", "打印": "print", "列印": "print", "打赏": "donate", "点赞": "like",
    "订阅": "subscribe", "訂閱": "subscribe", "上一篇": "previous", "下一篇": "next", "上一页": "previous",
    "下一页": "next", "上一頁": "previous", "下一頁": "next", "返回": "back", "顶部": "top", "相关": "related",
    "相關": "related", "推荐": "recommended", "推薦": "recommended", "热门": "popular", "熱門": "popular",
    "排行": "popular", "最新": "latest", "标签": "tags", "標籤": "tags", "分类": "categories", "分類": "categories",
    "归档": "archives", "栏目": "categories", "频道": "channel", "导航": "navigation", "菜单": "menu",
    "责任编辑": "editor", "责编": "editor", "编辑": "editor", "来源": "source", "來源": "source", "作者": "author",
    "发布时间": "published", "发布": "published", "时间": "date", "日期": "date", "阅读": "read", "浏览": "views",
    "点击": "click", "广告": "advertisement", "廣告": "advertisement", "下载": "download", "下載": "download",
    "微信": "facebook", "微博": "twitter", "朋友圈": "facebook", "二维码": "app", "客户端": "app", "手机版": "mobile",
    "扫一扫": "app", "关注": "follow", "粉丝": "followers", "密码": "password", "用户名": "username", "会员": "member",
    "购物车": "cart", "帮助": "help", "反馈": "feedback", "举报": "report", "投诉": "report", "友情链接": "links",
    "链接": "links", "合作": "partners", "招聘": "careers", "转载": "reserved", "当前位置": "home", "您的位置": "home",
    "所在位置": "home", "全部": "all", "视频": "videos", "图片": "photos", "专题": "topics", "新闻": "news",
    "ホーム": "home", "ログイン": "login", "検索": "search", "お問い合わせ": "contact", "会社概要": "about",
    "プライバシー": "privacy", "コメント": "comments", "関連": "related", "続きを読む": "more", "メニュー": "menu",
    "カテゴリ": "categories", "シェア": "share", "前へ": "previous", "次へ": "next", "広告": "advertisement",
    "上一条": "previous", "下一条": "next", "上一則": "previous", "下一則": "next", "地址": "contact",
    "电话": "contact", "電話": "contact", "传真": "contact", "傳真": "contact", "邮编": "contact", "邮箱": "contact",
    "热线": "contact", "技术支持": "copyright", "主办单位": "copyright", "京公网安备": "copyright",
    "楼主": "reply", "只看该作者": "views", "猜你喜欢": "recommended", "延伸阅读": "related", "随机文章": "related",
    "设为首页": "home", "法律声明": "terms", "免责声明": "disclaimer", "用户协议": "terms", "人才招聘": "careers",
    "記事一覧": "archives", "ランキング": "popular", "人気": "popular", "新着": "latest", "ツイート": "twitter",
    "会員登録": "register", "利用規約": "terms", "個人情報": "privacy", "サイトマップ": "sitemap",
    "無断転載": "reserved", "お知らせ": "news", "前の記事": "previous", "次の記事": "next", "共有": "share",
    "フォロー": "follow", "ポリシー": "privacy",
}  # fmt: skip
"""What is written on the buttons of Chinese and Japanese pages, and the English word for it."""

INTERFACE_WORDS = re.compile("|".join(map(re.escape, sorted(INTERFACE, key=len, reverse=True))))

_FUNCTION_WORDS = """
the of and to a in is that it was for on with as his he be at by i this had not are but from or have an they which
one you were her all she there would their we him been has when who will more no if out so said what its about than
into them can only other could my do these some me any how your
der die und das den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie
nach wird bei einer um am sind noch wie einem über einen
le la les et en un une du est pour que qui dans sur au par plus ne pas ce il sont avec aux ou cette mais
el los las y del se por con su para como más pero sus lo este ha
che di è non per una sono con si della dei più nel anche alla
o os e da do em um não uma na mais dos ao
de het een van dat op te zijn voor niet aan met er ook
w i nie się z jest po od przez
и в не на что с по как это из но за от для то же
"""

FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""The commonest words of prose; menus hold few of them."""

FUNCTION_CHARACTERS = frozenset(
    "的了是在和有不我这這他们們也就对對为為与與而及以于於上中说說着到被将將但并並其のはをにがでと"
)
"""The same for Chinese and Japanese."""
